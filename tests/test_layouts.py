"""Which column is what: every layout reads a file in its own format with no argument, and names decide by what they say."""

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


# Layout: text, name, months, value, net weight or None, pairs of origin and destination.
SOURCES = {
    "comexstat exports": (
        '"CO_ANO";"CO_MES";"CO_NCM";"CO_UNID";"CO_PAIS";"SG_UF_NCM";"CO_VIA";"CO_URF";"QT_ESTAT";"KG_LIQUIDO";"VL_FOB"\n'
        '2023;"01";"01012100";"10";"160";"MT";"04";"0817800";5;120;500\n'
        '2023;"02";"02011000";"10";"160";"MT";"04";"0817800";7;220;600\n',
        "comexstat",
        ["2023-01", "2023-02"],
        1_100,
        340,
        {("BR", "160")},
    ),
    "comexstat imports": (
        '"CO_ANO";"CO_MES";"CO_NCM";"CO_UNID";"CO_PAIS";"QT_ESTAT";"KG_LIQUIDO";"VL_FOB";"VL_FRETE";"VL_SEGURO"\n'
        '2023;"11";"01012100";"10";"160";5;120;500;3;1\n',
        "comexstat",
        ["2023-11"],
        500,
        120,
        {("160", "BR")},
    ),
    "indec exports": (
        '"Año";"Mes";"NCM";"Pdes";"Pnet(kg)";"FOB(u$s)"\n2023;1;"10059010";203;1500,5;400,25\n2023;3;"12019000";203;10;20\n',
        "indec",
        ["2023-01", "2023-03"],
        420.25,
        1510.5,
        {("AR", "203")},
    ),
    "indec imports": (
        '"Año";"Mes";"NCM";"Porg";"Pnet(kg)";"FOB(u$s)";"Flete(u$s)";"Seguro(u$s)";"CIF(u$s)"\n'
        "2023;12;84713012;310;5,5;90;8;2;100\n",
        "indec",
        ["2023-12"],
        100,
        5.5,
        {("310", "AR")},
    ),
    "chile imports": (
        "FECACEP;NUMENCRIPTADO;ADU;PA_ORIG;ARANC_NAC;DNOMBRE;CIF_ITEM;CANT_MERC;MEDIDA;TOT_PESO;CIF\n"
        "15-01-2023;A1;34;336;87032391;AUTOMOVIL;18345,12;1;10;1500;90000\n"
        "16-02-2023;A2;34;336;87032391;AUTOMOVIL;100,88;1;10;1500;90000\n",
        "chile",
        ["2023-01", "2023-02"],
        18_446,
        None,
        {("336", "CL")},
    ),
    "chile exports": (
        "FECHAACEPT;NUMEROIDENT;NRO_EXPORTADOR;PAISDESTINO;CODIGOARANCEL;NOMBRE;CANTIDADMERCANCIA;UNIDADMEDIDA;"
        "FOBUNITARIO;FOBUS;PESOBRUTOITEM\n15-03-2023;B1;77;220;08061010;UVAS;10;6;2;20;12\n",
        "chile",
        ["2023-03"],
        20,
        None,
        {("CL", "220")},
    ),
    "peru imports": (
        "CODI_ADUAN,NUME_CORRE,FECH_INGSI,LIBR_TRIBU,DNOMBRE,PAIS_ORIGE,PART_NANDI,DESC_COMER,FOB_DOLPOL,FLE_DOLAR,"
        "SEG_DOLAR,PESO_NETO,PESO_BRUTO,UNID_FIQTY,UNID_FIDES\n"
        "118,1,20230115,20100,ACME SAC,CN,8517130000,TELEFONO,500,5,1,12,13,3,U\n",
        "peru",
        ["2023-01"],
        500,
        12,
        {("CN", "PE")},
    ),
    "peru exports": (
        "CADU,FANO,NDCL,NSER,FNUM,NDOC,DNOMBRE,PART_NANDI,CPAIDES,VFOBSERDOL,VPESNET,VPESBRU,QUNIFIS,TUNIFIS,DCOM\n"
        "118,2023,7,1,20230415,20100,ACME SAC,0804400000,NL,700,50,55,50,KG,PALTA\n",
        "peru",
        ["2023-04"],
        700,
        50,
        {("PE", "NL")},
    ),
    "colombia imports": (
        "FECH,ADUA,PAISGEN,PAISPRO,DEPTODES,PBK,PNK,CANU,CODUNI2,NABAN,VAFODO,FLETE,VACID,VACIP,NIT\n"
        "202301,48,215,215,11,12,10,1,U,8703239090,90,5,100,400000,900\n",
        "colombia",
        ["2023-01"],
        100,
        10,
        {("215", "CO")},
    ),
    "colombia exports": (
        "FECH,ADUA,PAIS,POSAR,CANTI,COD_UNI2,PNK,PBK,FOBDOL,FOBPES,NIT\n202302,48,249,0901119000,1,KG,70,71,300,1,900\n",
        "colombia",
        ["2023-02"],
        300,
        70,
        {("CO", "249")},
    ),
    "mexico": (
        "Pedimento|Fraccion|DescripcionMercancia|ValorAduana|ValorDolares|CantidadUMTarifa|UnidadMedidaTarifa|"
        "PaisOrigenDestino|TipoOperacion|FechaPagoReal\n"
        "1|85171301|TELEFONO|2000|100|1|6|CHN|1|2023-01-05 10:00:00\n2|07020003|TOMATE|400|20|5|1|USA|2|2023-02-05 10:00:00\n",
        "mexico",
        ["2023-01", "2023-02"],
        120,
        None,
        {("CN", "MX"), ("MX", "US")},
    ),
    "mexico bcmm": (
        "ANIO,MES,TIPO,FRACCION,PAIS,VAL_USD,PESO_KG\n2023,1,Exportaciones,07020003,USA,20,5\n"
        "2023,2,Importaciones,85171301,CHN,100,1\n",
        "mexico_bcmm",
        ["2023-01", "2023-02"],
        120,
        6,
        {("CN", "MX"), ("MX", "US")},
    ),
    "ukraine": (
        "Номер МД;Дата оформлення;Відправник;Одержувач;Код товару;Опис товару;Країна походження;Кількість;"
        "Одиниця виміру;Вага нетто, кг;Вага брутто, кг;Митна вартість, USD\n"
        "UA1;15.01.2023;ACME;ОРІОН;8517130000;Телефон;CN;3;шт;12;13;500\n",
        "ukraine",
        ["2023-01"],
        500,
        12,
        None,
    ),
    "ukraine statistics": (
        "Рік;Місяць;Напрямок;Код товару;Країна;Вартість, тис. дол. США;Вага нетто, тонн\n"
        "2023;1;Імпорт;8517;Китай;5;2\n2023;2;Експорт;1005;Єгипет;7;30\n",
        "ukraine_statistics",
        ["2023-01", "2023-02"],
        12_000,
        32_000,
        {("CN", "UA"), ("UA", "Єгипет")},
    ),
    "russia": (
        "NAPR\tPERIOD\tSTRANA\tTNVED\tEDIZM\tSTOIM\tNETTO\tKOL\tREGION\tREGION_S\n"
        "ИМ\t01/2019\tCN\t8517120000\tШТ\t1500,5\t12,25\t3\t45000\t01\nЭК\t02/2019\tKZ\t1001990000\t1\t100\t1000\t0\t45000\t01\n",
        "russia",
        ["2019-01", "2019-02"],
        1_600.5,
        1_012.25,
        {("CN", "RU"), ("RU", "KZ")},
    ),
    "kazakhstan": (
        "Год;Месяц;Направление;Код ТН ВЭД;Наименование товара;Страна;Ед. изм.;Количество;Вес нетто, тонн;"
        "Стоимость, тыс. долл. США\n2023;март;Экспорт;2709;Нефть;Италия;т;5;5;40\n2023;апрель;Импорт;8703;Авто;Китай;шт;1;2;30\n",
        "kazakhstan",
        ["2023-03", "2023-04"],
        70_000,
        7_000,
        {("KZ", "IT"), ("CN", "KZ")},
    ),
    "turkey": (
        "Yıl;Ay;Akım;Ülke;GTİP;Miktar (kg);Değer (Dolar)\n2023;Ocak;İhracat;Almanya;870323;100;500\n"
        "2023;Şubat;İthalat;Çin;851713;7;300\n",
        "turkey",
        ["2023-01", "2023-02"],
        800,
        107,
        {("TR", "DE"), ("CN", "TR")},
    ),
    "india imports": (
        "Date,HS Code,Description,Origin Country,Port of Discharge,Unit,Quantity,Value (INR),Per Unit (INR)\n"
        "15-Nov-2016,85171290,MOBILE PHONE,China,Delhi Air Cargo,PCS,10,5000,500\n",
        "india",
        ["2016-11"],
        5_000,
        None,
        {("CN", "IN")},
    ),
    "india exports": (
        "Date,HS Code,Description,Destination Country,Port of Loading,Unit,Quantity,Value (INR),Per Unit (INR)\n"
        "15-Oct-2016,09103020,TURMERIC,Kenya,Mumbai,KGS,10,700,70\n",
        "india",
        ["2016-10"],
        700,
        None,
        {("IN", "KE")},
    ),
    "india shipping bills": (
        "SB NO,SB DATE,RITC,ITEM DESC,QTY,UQC,FOB INR,COUNTRY OF DESTINATION,EXPORTER NAME,CONSIGNEE NAME\n"
        "1,05/06/2022,30049099,TABLETS,10,KGS,900,Kenya,ACME PHARMA,ORION\n2,15/06/2022,30049099,TABLETS,10,KGS,100,Kenya,ACME PHARMA,ORION\n",
        "india_shipping_bills",
        ["2022-06"],
        1_000,
        None,
        {("IN", "KE")},
    ),
    "dgcis": (
        "Year,Month,Trade Type,ITC HS,Commodity,Country,Unit,Quantity,Value (US$ Mill)\n"
        "2023,January,Export,0910,SPICES,KENYA,KGS,5,1.5\n2023,February,Import,2709,OIL,IRAQ,TON,5,2\n",
        "dgcis",
        ["2023-01", "2023-02"],
        3_500_000,
        None,
        {("IN", "KE"), ("IQ", "IN")},
    ),
    "japan": (
        "Exp or Imp,Year,HS,Country,Unit1,Unit2,Quantity1-Year,Quantity2-Year,Value-Year,Quantity1-Jan,Quantity2-Jan,Value-Jan\n"
        "1,2023,010121000,103,  ,NO,0,3,2100,0,1,700\n2,2023,090111000,410,  ,KG,0,500,900,0,100,200\n",
        "japan",
        ["2023"],
        3_000_000,
        500,
        {("JP", "103"), ("410", "JP")},
    ),
    "kstat": (
        "기간,국가,HS코드,품목명,수출 중량,수출 금액,수입 중량,수입 금액,무역수지\n2024-01,미국,854232,메모리,5,70,1,2,68\n",
        "kstat",
        ["2024-01"],
        70_000,
        5,
        {("KR", "미국")},
    ),
    "unipass": (
        "year,statCd,statCdCntnKor1,hsCd,statKor,expWgt,expDlr,impWgt,impDlr,balPayments\n2024.01,US,미국,854232,메모리,5,70,1,2,68\n",
        "unipass",
        ["2024-01"],
        70,
        5,
        {("KR", "US")},
    ),
    "taiwan": (
        "進出口別,日期,貨品號列,中文貨名,英文貨名,國家,重量(公斤),美元(千元)\n"
        "進口總值(含復進口),113年05月,85423100,處理器,Processors,美國,10,20\n出口總值(含復出口),113年06月,85423100,處理器,Processors,日本,5,30\n",
        "taiwan",
        ["2024-05", "2024-06"],
        50_000,
        15,
        {("美國", "TW"), ("TW", "日本")},
    ),
    "china": (
        "数据年月,进出口类型,商品编码,商品名称,贸易伙伴编码,贸易伙伴名称,第一数量,第一计量单位,美元\n"
        "202401,出口,85423100,处理器,502,美国,10,个,500\n202402,进口,12019010,大豆,410,巴西,40,千克,600\n",
        "china",
        ["2024-01", "2024-02"],
        1_100,
        40,
        {("CN", "美国"), ("巴西", "CN")},
    ),
    "census consumption": (
        "CTY_NAME,CON_VAL_MO,CAL_DUT_MO,I_COMMODITY,I_COMMODITY_SDESC,time,COMM_LVL,CTY_CODE\n"
        "SYLVANIA,500,5,010121,LIVE HORSES,2013-01,HS6,9999\n",
        "census",
        ["2013-01"],
        500,
        None,
        {("SYLVANIA", "US")},
    ),
    "census exports": (
        "E_COMMODITY,E_COMMODITY_SDESC,CTY_NAME,CTY_CODE,ALL_VAL_MO,QTY_1_MO,UNIT_QY1,time\n010121,HORSES,CANADA,1220,70,1,NO,2013-02\n",
        "census",
        ["2013-02"],
        70,
        None,
        {("US", "CA")},
    ),
    "usa trade online imports": (
        'Commodity,Country,Time,Customs Value (Gen) ($US)\n"010121 Horses, live, purebred",Canada,Jan 2023,"1,200"\n',
        "usatrade",
        ["2023-01"],
        1_200,
        None,
        {("CA", "US")},
    ),
    "usa trade online exports": (
        'Commodity,Country,Time,Value ($US)\n"010121 Horses, live, purebred",Canada,Feb 2023,"1,500"\n',
        "usatrade",
        ["2023-02"],
        1_500,
        None,
        {("US", "CA")},
    ),
    "otexa": (
        "Country,Category,HTS,Description,Year,Month,SME,Value ($)\nVietnam,338,6109100012,T-SHIRTS,2023,4,10,250\n",
        "otexa",
        ["2023-04"],
        250,
        None,
        {("VN", "US")},
    ),
    "statcan imports": (
        "YearMonth/AnnéeMois,HS10,Country/Pays,Province,State/État,Value/Valeur,Quantity/Quantité,Unit of Measure/Unité de Mesure\n"
        "202301,0101210000,US,ON,NY,900,2,NMB\n",
        "statcan",
        ["2023-01"],
        900,
        None,
        {("US", "CA")},
    ),
    "wits": (
        "Nomenclature,ReporterISO3,ProductCode,ReporterName,PartnerISO3,PartnerName,Year,TradeFlowName,TradeFlowCode,"
        "TradeValue in 1000 USD,Quantity,QtyToken,NetWeight in KGM\n"
        "H5,AAA,010121,Freedonia,BBB,Sylvania,2019,Gross Imports,5,12.5,3,5,400\n"
        "H5,AAA,010121,Freedonia,BBB,Sylvania,2019,Export,6,2,3,5,100\n",
        "wits",
        ["2019"],
        14_500,
        500,
        {("BBB", "AAA"), ("AAA", "BBB")},
    ),
    "faostat": (
        '"Reporter Countries","Partner Countries","Element","Item Code (CPC)","Item","Year","Unit","Value"\n'
        '"Freedonia","Sylvania","Export Value","0111","Wheat","2019","1000 US$","250"\n'
        '"Freedonia","Sylvania","Import Value","0111","Wheat","2020","1000 US$","50"\n',
        "faostat",
        ["2019", "2020"],
        300_000,
        None,
        {("Freedonia", "Sylvania"), ("Sylvania", "Freedonia")},
    ),
    "sipri": (
        "SIPRI AT Database ID,Supplier,Recipient,Designation,Description,Armament category,Order date,Numbers delivered,"
        "Delivery year,Status,TIV deal unit,TIV delivery values\n1,Freedonia,Sylvania,X-1,Trainer,Aircraft,2019,2,2020,New,5,10\n",
        "sipri",
        ["2020"],
        10,
        None,
        {("Freedonia", "Sylvania")},
    ),
    "atlas": (
        "location_code,partner_code,hs_product_code,year,export_value,import_value\nAAA,BBB,0101,2019,70,20\n",
        "atlas",
        ["2019"],
        70,
        None,
        {("AAA", "BBB")},
    ),
    "oec": (
        "year,origin,dest,hs92,export_val,import_val\n2019,aaa,bbb,010121,70,20\n",
        "oec",
        ["2019"],
        70,
        None,
        {("aaa", "bbb")},
    ),
    "oec api": (
        "HS6 ID,HS6,Exporter Country ID,Exporter Country,Importer Country ID,Importer Country,Year,Trade Value\n"
        "1010121,Horses,euaaa,Freedonia,eubbb,Sylvania,2019,70\n",
        "oec",
        ["2019"],
        70,
        None,
        {("euaaa", "eubbb")},
    ),
    "easy comext": (
        "REPORTER,PARTNER,PRODUCT,FLOW,STAT_PROCEDURE,PERIOD,VALUE_IN_EUR,QUANTITY_IN_KG\n"
        '"Germany","Sylvania","01012100-Pure-bred horses","2-EXPORT","T-Total","202301-Jan. 2023",38770,100\n'
        '"Germany","Osterlich","01012100-Pure-bred horses","1-IMPORT","T-Total","202302-Feb. 2023",115125,50\n',
        "comext",
        ["2023-01", "2023-02"],
        153_895,
        150,
        {("DE", "Sylvania"), ("Osterlich", "DE")},
    ),
    "hmrc api": (
        "MonthId,FlowTypeId,SuppressionIndex,CommodityId,CommoditySitcId,CountryId,PortId,Value,NetMass,SuppUnit\n"
        "202301,3,0,22083030,11241,400,1,500,60,0\n202302,2,0,22083030,11241,4,1,100,5,0\n",
        "hmrc_api",
        ["2023-01", "2023-02"],
        600,
        65,
        {("400", "GB"), ("GB", "4")},
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_known_source_is_read_without_arguments(tmp_path, source):
    text, layout, expected_months, value, weight, expected_pairs = SOURCES[source]
    ships = read(tmp_path, text)
    assert ships.layout == layout
    assert months(ships) == expected_months
    assert total(ships) == pytest.approx(value)
    if weight is None:
        assert "net_weight" not in ships.roles
    else:
        assert total(ships, "net_weight") == pytest.approx(weight)
    if expected_pairs is not None:
        assert pairs(ships) == expected_pairs
    assert ships.faults.to_pylist() == []
    assert any("value" in note for note in ships.notes)
    again = pickle.loads(pickle.dumps(ships))
    assert (again.roles, again.notes) == (ships.roles, ships.notes)
    assert total(again) == total(ships)
    assert months(again) == expected_months


def test_other_directions_are_asked_for_by_name(tmp_path):
    text = SOURCES["kstat"][0]
    ships = read(tmp_path, text, layout="kstat_imports")
    assert (total(ships), pairs(ships)) == (2_000, {("미국", "KR")})
    ships = read(tmp_path, SOURCES["comexstat exports"][0], layout="comexstat_imports")
    assert pairs(ships) == {("160", "BR")}
    ships = read(tmp_path, SOURCES["unipass"][0], layout="unipass_imports")
    assert (total(ships), pairs(ships)) == (2, {("US", "KR")})


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


def test_reported_by_is_read_in_the_words_of_the_source(tmp_path):
    ships = read(tmp_path, SOURCES["wits"][0])
    rows = ships.aggregate(by="reported_by", measures="value").to_pylist()
    assert {r["reported_by"]: r["value"] for r in rows} == {"exporter": 2_000, "importer": 12_500}
    rows = ships.aggregate(by="flow", measures="shipments").to_pylist()
    assert {r["flow"] for r in rows} == {"Gross Imports", "Export"}


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
    # The user's own words leave the units to him.
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
    assert any("for want of a plainer name" in note for note in ships.notes)


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
    assert any('"Partner" holds "World"' in note for note in ships.notes)
    assert any("codes of several lengths" in note for note in ships.notes)
