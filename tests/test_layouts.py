"""Recognising roles: by the names of columns, and by their cells if the names are not enough."""

import datetime as dt
import pickle

import polars as pl
import pytest
import redlane as rl
from redlane import _core


def read(tmp_path, text, **options):
    path = tmp_path / "records.csv"
    path.write_text(text, encoding="utf-8")
    return rl.read(path, progress=False, **options)


def months(ships):
    """The months of the shipments, or the years where their dates are years."""
    try:
        rows = ships.aggregate(by="month", measures="shipments").to_pylist()
    except rl.errors.SchemaError:
        rows = ships.aggregate(by="year", measures="shipments").to_pylist()
        return [row["year"].strftime("%Y") for row in rows if row["year"] is not None]
    return [row["month"].strftime("%Y-%m") for row in rows if row["month"] is not None]


def total(ships, measure="value"):
    return ships.aggregate(by=[], measures=measure).to_pylist()[0][measure]


def pairs(ships):
    rows = ships.aggregate(by=["origin", "destination"], measures="shipments").to_pylist()
    return {(row["origin"], row["destination"]) for row in rows}


def test_cites_sides_are_countries(tmp_path):
    ships = read(
        tmp_path,
        "Year,App.,Taxon,Importer,Exporter,Origin,Importer reported quantity,Exporter reported quantity,Term,Unit\n"
        "2005,I,Aquila ficta,US,ES,,1,249,specimens,\n2005,I,Aquila ficta,NA,ZW,,2,3,specimens,\n",
    )
    assert ships.layout == "cites"
    assert pairs(ships) == {("ES", "US"), ("ZW", "NA")}
    assert total(ships, "quantity") == 3
    assert total(ships, "Exporter reported quantity") == 252
    assert "importer" not in ships.roles


def test_layouts_are_listed_where_one_is_unknown(tmp_path):
    with pytest.raises(rl.errors.ArgumentError, match="comexstat") as error:
        read(tmp_path, "a,b\n1,2\n", layout="comexsat")
    assert all(name in str(error.value) for name in _core.layouts())
    for name in _core.layouts():
        assert f"``{name}``" in rl.read.__doc__, name


# Names


def test_kilograms_go_before_a_weight_without_a_unit(tmp_path):
    ships = read(
        tmp_path,
        "BILL_OF_LADING,HS_CODE,WEIGHT,WEIGHT_UNIT,WEIGHT_IN_KG,CIF\n"
        "B1,610990,1000,LB,453.59,5000\nB2,610990,450,K,450,5000\nB3,610990,2000,LB,907.18,10000\n",
    )
    assert ships.roles["net_weight"] == "WEIGHT_IN_KG"
    assert total(ships, "net_weight") == pytest.approx(1810.77)
    assert any("gross" in note for note in ships.notes)
    assert any('could also be "WEIGHT"' in note for note in ships.notes)


def test_units_of_weight_are_brought_to_kilograms_row_by_row(tmp_path):
    text = "HS,NET_WEIGHT,WEIGHT UNIT,GROSS_WEIGHT\n0901,1000,LB,1100\n0902,450,KG,500\n0903,2,T,2.1\n0904,7,PCS,8\n0905,,KG,\n"
    ships = read(tmp_path, text)
    assert total(ships, "net_weight") == pytest.approx(453.59237 + 450 + 2000)
    assert total(ships, "gross_weight") == pytest.approx(1100 * 0.45359237 + 500 + 2100)
    assert any("1 rows have no net_weight" in note and "PCS" in note for note in ships.notes)
    assert {r["weight_unit"] for r in ships.aggregate(by="weight_unit", measures="shipments").to_pylist()} == {
        "LB",
        "KG",
        "T",
        "PCS",
    }
    again = pickle.loads(pickle.dumps(ships))
    assert total(again, "net_weight") == total(ships, "net_weight")
    ships = read(tmp_path, "HS,NET_WEIGHT,WEIGHT UNIT\n0901,10,T\n0902,5,T\n")
    assert total(ships, "net_weight") == 15_000
    assert ships.roles["net_weight"] == "NET_WEIGHT"
    # If the user names a column, its unit is the user's.
    ships = read(tmp_path, text, columns={"net_weight": "NET_WEIGHT"})
    assert total(ships, "net_weight") == 1459


def test_a_stated_currency_goes_before_mixed_ones_in_any_order(tmp_path):
    rows = {"CURRENCY_CODE": ["EUR", "INR"], "CIF_VALUE_FCY": ["1000", "83000"], "CIF_VALUE_IN_USD": ["1080", "1000"]}
    for names in (list(rows), list(rows)[::-1]):
        text = "\n".join([",".join(names)] + [",".join(rows[n][i] for n in names) for i in range(2)]) + "\n"
        ships = read(tmp_path, text)
        assert ships.roles["value"] == "CIF_VALUE_IN_USD"
        assert any("CIF_VALUE_FCY" in note and "US dollars" in note for note in ships.notes)
    ships = read(tmp_path, "HS,CURRENCY_CODE,CIF_VALUE_FCY\n0901,EUR,5\n0902,INR,6\n")
    assert ships.roles["value"] == "CIF_VALUE_FCY"
    assert any("EUR 1, INR 1" in note for note in ships.notes)
    assert ships.roles["currency"] == "CURRENCY_CODE"


def test_zeros_are_no_value_and_cells_that_do_not_fit_are_told(tmp_path):
    ships = read(
        tmp_path, "HS_CODE,CURRENCY,INVOICE_VALUE_FC,ASSESSED_VALUE_USD\n690721,USD,0,3862.27\n690721,USD,0,376.38\n"
    )
    assert total(ships) == pytest.approx(4238.65)
    assert any("INVOICE_VALUE_FC" in note and "zeros" in note for note in ships.notes)
    ships = read(tmp_path, "HS_CODE,VALUE\n690721,high\n690721,low\n")
    assert "value" not in ships.roles
    assert any('"VALUE" is not read as value' in note and "high" in note for note in ships.notes)


def test_pieces_of_a_date(tmp_path):
    ships = read(
        tmp_path, "HS,Year,Month,Day,Value\n020312,2024,December,12,5\n020312,2024,enero,30,4\n020312,2024,x,1,3\n"
    )
    assert months(ships) == ["2024-01", "2024-12"]
    assert ships.roles["date"] == "date"
    assert [(f["row"], f["column"], f["raw"]) for f in ships.faults.to_pylist()] == [(2, "Month", "x")]
    again = pickle.loads(pickle.dumps(ships))
    assert again.faults.to_pylist() == ships.faults.to_pylist()
    ships = read(tmp_path, "YEAR,MONTH,DAY,VALUE\n2023,2,28,1\n2023,2,30,1\n,3,1,1\n")
    assert [r["date"] for r in ships.aggregate(by="date", measures="shipments").to_pylist()] == [
        dt.date(2023, 2, 28),
        None,
    ]
    assert [(f["row"], f["column"], f["raw"]) for f in ships.faults.to_pylist()] == [(1, "DAY", "30")]
    frame = pl.DataFrame({"year": [2023, 2023], "month": [1, 2], "value": [1.0, 2.0]})
    ships = rl.read(frame)
    assert any('by="month" groups by the column' in note for note in ships.notes)
    assert len(ships.where(date="2023-02")) == 1
    ships = read(tmp_path, "HS,YEAR,VALUE\n0901,2023,5\n")
    assert any("no month is known" in note for note in ships.notes)


def test_a_column_that_takes_the_name_of_the_derived_one_is_told(tmp_path):
    ships = read(tmp_path, "date,YEAR,MONTH,VALUE\nsoon,2023,1,5\nlater,2023,2,6\n", columns={"description": "date"})
    assert ships.roles["date"] == "date_derived"
    assert any("date_derived" in note for note in ships.notes)
    assert months(ships) == ["2023-01", "2023-02"]


def test_countries_are_no_firms_and_ambiguous_names_come_last(tmp_path):
    ships = read(tmp_path, "HS,Importer,Exporter,Value\n0901,US,ES,1\n0902,Namibia,Germany,2\n")
    assert pairs(ships) == {("ES", "US"), ("DE", "NA")}
    assert any("holds countries" in note for note in ships.notes)
    ships = read(
        tmp_path,
        "HS.Code,Type,CTY_Origin,CTY_Dest,EXPORT.COUNTRY,IMPORT.COUNTRY,Stat..Value,Wgt..Net\n"
        "09012100,EX / 1,VU,FJ,FIJI,VANUATU,500,10\n02031200,IM / 4,AU,VU,AUSTRALIA,AUSTRALIA,700,20\n",
    )
    assert pairs(ships) == {("VU", "FJ"), ("AU", "VU")}
    assert (total(ships), total(ships, "net_weight")) == (1_200, 30)
    ships = read(tmp_path, "HS,EXPORT COUNTRY,Value\n0901,FJ,1\n")
    assert any("no column has a clearer name" in note for note in ships.notes)


def test_other_classifications_have_no_hs(tmp_path):
    head = "Classification,Year,Trade Flow,Reporter,Partner,Commodity Code,Commodity,Trade Value (US$)\n"
    ships = read(tmp_path, head + "S4,2019,Import,Freedonia,Sylvania,67411,Flat-rolled iron,5\n")
    assert "hs" not in ships.roles
    assert any("S4" in note and "Harmonized System" in note for note in ships.notes)
    ships = read(tmp_path, head + "H5,2019,Import,Freedonia,Sylvania,010121,Horses,5\n")
    assert ships.roles["hs"] == "Commodity Code"


def test_a_column_of_different_things_is_no_value(tmp_path):
    head = '"Reporter Countries","Partner Countries","Element","Item Code (CPC)","Item","Year","Unit","Value"\n'
    rows = (
        '"Freedonia","Sylvania","Export Quantity","0111","Wheat","2019","tonnes","1000"\n'
        '"Freedonia","Sylvania","Export Value","0111","Wheat","2019","1000 US$","250"\n'
    )
    ships = read(tmp_path, head + rows)
    assert "value" not in ships.roles
    assert any('.where(Element="Export Value")' in note for note in ships.notes)
    ships = read(tmp_path, head + rows, columns={"value": "Value"}).where(Element="Export Value")
    assert total(ships) == 250
    ships = read(tmp_path, "Country,Measure,OBS_VALUE\nAA,Value in USD,5\nAA,Tonnes,7\n")
    assert "value" not in ships.roles


def test_plain_names_and_many_languages(tmp_path):
    ships = read(
        tmp_path,
        "ShipmentID,ClientName,OriginCountry,DestCountry,HS_Code,CargoValueEUR,disp_date,TOTALGROSS_WEIGHT\n"
        "S1,Orion Stores,China,Spain,6203.42,500,2023-01-02,10\n",
    )
    assert ships.roles == {
        "id": "ShipmentID",
        "date": "disp_date",
        "hs": "HS_Code",
        "origin": "OriginCountry",
        "destination": "DestCountry",
        "importer": "ClientName",
        "value": "CargoValueEUR",
        "gross_weight": "TOTALGROSS_WEIGHT",
    }
    for text in (
        "Fecha;Partida arancelaria;País de origen;Importador;Valor FOB USD;Peso neto (kg)\n02/01/2023;090111;CN;Acme;5;6\n",
        "Date de déclaration;Code SH;Pays d'origine;Importateur;Valeur en douane;Poids net (kg)\n02/01/2023;090111;CN;Acme;5;6\n",
        "Data;NCM;País de origem;Importador;Valor FOB US;Peso líquido\n02/01/2023;090111;CN;Acme;5;6\n",
        "Дата;Код ТН ВЭД;Страна происхождения;Получатель;Стоимость;Вес нетто\n02.01.2023;090111;CN;Acme;5;6\n",
        "Дата оформлення;Код УКТЗЕД;Країна походження;Одержувач;Митна вартість;Вага нетто\n02.01.2023;090111;CN;Acme;5;6\n",
        "Tescil Tarihi;GTİP;Menşe Ülke;Alıcı;Değer;Net Ağırlık\n02.01.2023;090111;CN;Acme;5;6\n",
        "신고일자;세번부호;원산지;수입자;금액;순중량\n2023-01-02;090111;CN;Acme;5;6\n",
        "申告日;HSコード;原産国;輸入者;金額;正味重量\n2023-01-02;090111;CN;Acme;5;6\n",
        "申报日期;商品编码;原产国;进口商;总价;净重\n2023-01-02;090111;CN;Acme;5;6\n",
    ):
        ships = read(tmp_path, text)
        assert list(ships.roles) == ["date", "hs", "origin", "importer", "value", "net_weight"], text
        assert (total(ships), months(ships)) == (5, ["2023-01"])


def test_rows_that_are_totals_of_others_are_told(tmp_path):
    head = "Classification,Year,Period,Trade Flow,Reporter,Partner,Commodity Code,Commodity,Netweight (kg),Trade Value (US$)\n"
    rows = (
        "H5,2019,2019,Import,Freedonia,World,01,Animals; live,30,100\n"
        "H5,2019,2019,Import,Freedonia,Sylvania,01,Animals; live,10,40\n"
        "H5,2019,2019,Import,Freedonia,Sylvania,0101,Horses,10,40\n"
    )
    ships = read(tmp_path, head + rows)
    assert pairs(ships) == {(None, "Freedonia"), ("Sylvania", "Freedonia")}
    assert any('"Partner" is "World"' in note for note in ships.notes)
    assert any('"Commodity Code" is the beginning of longer codes' in note for note in ships.notes)
