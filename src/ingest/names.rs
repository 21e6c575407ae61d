//! Roles by column name, in the spellings of customs and bill-of-lading exports.

use crate::store::{Assigned, DateCell, DateOrder, Decimal, NumberCell, Role, RoleKind, parse_date, parse_number};

/// A name without case, blanks and punctuation.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Spellings for each role, the better ones first: where two columns could play a role, the
/// earlier spelling wins. `*` stands for any ending that names a currency, a language or a unit.
const SPELLINGS: [(Role, &[&str]); 13] = [
    (
        Role::Id,
        &[
            "id",
            "declarationid",
            "declarationnumber*",
            "declarationno",
            "declno",
            "billoflading*",
            "billofladingnumber",
            "blnumber",
            "blno",
            "bl",
            "masterbl",
            "housebl",
            "boeno",
            "duanumber",
            "duaid",
            "dua",
            "importid",
            "exportid",
            "registrationnumber",
            "registrationno",
            "impdeclformno",
            "entryno",
            "entrynumber",
            "documentno",
            "documentnumber",
            "shippingbillno",
            "recordid",
        ],
    ),
    (
        Role::Date,
        &[
            "date",
            "impdate",
            "expdate",
            "importdate",
            "exportdate",
            "declarationdate",
            "registrationdate",
            "arrivaldate",
            "shipmentdate",
            "entrydate",
            "customsdate",
            "clearancedate",
            "receiptdate",
            "assessmentdate",
            "dateofissue",
            "manifestdate",
            "datequittance",
            "dateliquidation",
            "period",
            "yearmonth",
            "monthyear",
            "month",
            "year",
        ],
    ),
    (
        Role::Hs,
        &[
            "hs",
            "hscode",
            "hs10",
            "hs8",
            "hs6",
            "hs6code",
            "hs8code",
            "hs10code",
            "hscode6",
            "hscode8",
            "hscode10",
            "commoditycode",
            "commodity",
            "comcode",
            "cmdcode",
            "tariffcode",
            "customstariff",
            "hsnumber",
            "hsncode",
            "hsn",
            "htscode",
            "hts",
            "tariffitem",
            "productcode",
            "goodscode",
            "itemhscode",
            "ncm",
            "ncmcode",
            "tnved",
            "elevendigits",
        ],
    ),
    (
        Role::Description,
        &[
            "description",
            "productdescription*",
            "goodsdescription*",
            "commercialdescription*",
            "descriptionofgoods",
            "itemdescription*",
            "cargodescription*",
            "productdescription1",
            "hscodeitemdescription",
            "productname",
            "goodsname",
            "goods",
            "product",
            "commoditydescription",
            "productdescen",
            "productdesc",
            "detaileddescription",
            "productdetails",
        ],
    ),
    (
        Role::Origin,
        &[
            "origin",
            "origincountry*",
            "countryoforigin*",
            "countryorigin",
            "origincountryname",
            "countryoforiginname",
            "countryoforigincode",
            "origincode",
            "fromcountryname*",
            "fromcountry",
            "genctyorg",
            "exportcountry",
            "exportingcountry",
            "countryofexport",
            "countryofexporter",
            "exportercountry",
            "suppliercountry",
            "shippercountry",
        ],
    ),
    (
        Role::Destination,
        &[
            "destination",
            "destinationcountry*",
            "countryofdestination*",
            "destinationcountryname",
            "countryofdestinationname",
            "destinationcode",
            "tocountry",
            "tocountryname*",
            "genctydescod",
            "importcountry",
            "importingcountry",
            "countryofimport",
            "importercountry",
            "consigneecountry",
            "buyercountry",
        ],
    ),
    (
        Role::Exporter,
        &[
            "exporter",
            "exportername",
            "exporternameen",
            "stdexportername",
            "exporternameandaddress",
            "supplier",
            "suppliername",
            "suppliernameen",
            "stdsuppliername",
            "shipper",
            "shippername",
            "shippernameen",
            "consignor",
            "consignorname",
            "seller",
            "sellername",
            "sellerid",
            "sendername",
            "sender",
            "exporterid",
            "exportercode",
            "exportertin",
            "rucexporterid",
            "foreignsupplier",
            "supplierid",
            "supplieruuid",
        ],
    ),
    (
        Role::Importer,
        &[
            "importer",
            "importername",
            "importernameen",
            "stdimportername",
            "importernameandaddress",
            "consignee",
            "consigneename",
            "consigneenameen",
            "buyer",
            "buyername",
            "buyernameen",
            "stdbuyername",
            "recipient",
            "recipientname",
            "receivername",
            "receiver",
            "importerid",
            "importercode",
            "importertin",
            "rucimporterid",
            "consigneetin",
            "buyeruuid",
            "buyerid",
        ],
    ),
    (
        Role::Value,
        &[
            "value",
            "customsvalue*",
            "statisticalvalue*",
            "itemstatisticalvalue*",
            "totalvalue*",
            "totalvalueusd",
            "valueinusd",
            "valueusd",
            "valueeur",
            "declaredcustomsvalue*",
            "assessedcustomsvalue*",
            "itemcustomsvalue*",
            "declaredvalue*",
            "calculatedtotalvalue*",
            "cifvalue*",
            "cifusd",
            "usdcif",
            "cif",
            "cifin*",
            "fobvalue*",
            "fobusd",
            "usdfob",
            "fob",
            "fobin*",
            "declaredfobvalue*",
            "totalusd",
            "totalcustomsvalue*",
            "totalinvoicevalue*",
            "valstatart",
            "statisticalvaluein1000usd",
            "sumoffobvalue*",
            "cargovalue*",
            "invoicevalue*",
            "invoiceamount*",
            "iteminvoiceamount",
            "itemprice",
            "totalfob*",
            "totalcif*",
            "statvalue",
            "tradevalue*",
            "primaryvalue",
            "fobncy",
            "fobfcy",
            "calculateditemvalue*",
            "lineitemvalue",
            "valuekeur",
            "valuekusd",
            "amount",
            "totalamount",
            "totalprice*",
            "usdfobitem",
        ],
    ),
    (
        Role::Quantity,
        &[
            "quantity",
            "totalquantity",
            "qty",
            "sumofquantity",
            "commercialquantity",
            "comercialquantity",
            "itemquantity",
            "statisticalquantity",
            "supplementaryquantity",
            "suppquantity",
            "supplementaryunits",
            "totalqty",
            "qtty",
            "numberofunits",
            "units",
            "quantity1",
            "stdquantity",
            "invoicequantity",
            "lineitemquantity",
            "statquantity",
            "suppunits",
            "suppunit",
        ],
    ),
    (
        Role::QuantityUnit,
        &[
            "quantityunit*",
            "unit",
            "uniten",
            "unitofmeasure*",
            "quantitytype",
            "unitofquantity",
            "comercialunit",
            "commercialunit",
            "commercialmeasureunit",
            "measurementunit*",
            "measureunit",
            "measureunits",
            "uom",
            "qtyunit",
            "itemquantitytype",
            "statisticalunit",
            "supplementaryunit",
            "statunit",
            "unitcode",
            "unitname",
            "stdunit",
            "unitmeasure",
            "unitofmeasurement",
        ],
    ),
    (
        Role::NetWeight,
        &[
            "netweight*",
            "netweightkg",
            "netweightinkg",
            "netweightt",
            "netweighttons",
            "netweighttonnes",
            "netwgt",
            "netmass*",
            "nettmass",
            "netkg",
            "netkilo",
            "netwt",
            "nweight",
            "netweightkgs",
            "weightnet",
            "sumofnetweight",
            "totalnetweight*",
            "netwtkg",
            "kgnet",
            "kilonet",
            "totalweight*",
            "weight",
            "weightkg",
            "weightinkg",
        ],
    ),
    (Role::ReportedBy, &["reportedby"]),
];

/// Endings that name a currency, a unit or a language and leave the meaning alone.
const ENDINGS: [&str; 26] = [
    "",
    "usd",
    "inusd",
    "us",
    "eur",
    "ineur",
    "lc",
    "fc",
    "fcy",
    "ncy",
    "kzt",
    "ugx",
    "inugx",
    "nigeria",
    "innigeria",
    "inbotswananpula",
    "en",
    "kg",
    "inkg",
    "kgs",
    "name",
    "code",
    "number",
    "no",
    "nameen",
    "dau",
];

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => pattern == name,
        Some(stem) => name.strip_prefix(stem).is_some_and(|rest| ENDINGS.contains(&rest)),
    }
}

/// The role a name suggests, and how good the spelling is (0 is best).
fn suggestion(name: &str) -> Option<(Role, usize)> {
    if let Some(role) = Role::named(name) {
        return Some((role, 0));
    }
    let name = plain(name);
    let found = SPELLINGS
        .iter()
        .filter_map(|(role, spellings)| spellings.iter().position(|s| matches(s, &name)).map(|rank| (*role, rank + 1)));
    found.min_by_key(|(_, rank)| *rank)
}

/// The role that a column of this name is recognised as, if any.
pub fn role_of_name(name: &str) -> Option<Role> {
    suggestion(name).map(|(role, _)| role)
}

/// Assigns each role to the column whose name suggests it best and whose first values can be read
/// as it.
pub fn recognise(columns: &[String], sample: &[Vec<Option<String>>]) -> Vec<(Role, Assigned)> {
    let mut candidates: Vec<(Role, usize, usize)> = columns
        .iter()
        .enumerate()
        .filter_map(|(i, name)| suggestion(name).map(|(role, rank)| (role, rank, i)))
        .filter(|&(role, rank, i)| rank == 0 || readable(role, sample.get(i).map_or(&[], Vec::as_slice)))
        .collect();
    candidates.sort_unstable();
    candidates.dedup_by_key(|(role, ..)| *role);
    candidates
        .into_iter()
        .map(|(role, _, column)| (role, Assigned { column, factor: factor(role, &columns[column]) }))
        .collect()
}

/// What brings a column to its role's unit, where the name tells another: tons, thousands.
pub fn factor(role: Role, name: &str) -> f64 {
    let words: Vec<String> = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let says = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    match role {
        Role::NetWeight if says(&["t", "ton", "tons", "tonne", "tonnes", "mt"]) => 1000.0,
        Role::Value if says(&["keur", "kusd", "1000", "thousand", "thousands", "teur", "tusd"]) => 1000.0,
        _ => 1.0,
    }
}

/// Whether any of the first values reads as the role wants; a column of blanks may be anything.
fn readable(role: Role, values: &[Option<String>]) -> bool {
    let mut values = values.iter().flatten().filter(|v| !v.trim().is_empty()).peekable();
    if values.peek().is_none() {
        return true;
    }
    values.any(|text| match role.kind() {
        RoleKind::Number => [Decimal::Point, Decimal::Comma]
            .iter()
            .any(|&d| matches!(parse_number(text.as_bytes(), d), NumberCell::Value(_))),
        RoleKind::Date => {
            matches!(parse_date(text, DateOrder::DayFirst), DateCell::Day(_))
                || matches!(parse_date(text, DateOrder::MonthFirst), DateCell::Day(_))
        }
        RoleKind::Hs => text.bytes().any(|b| b.is_ascii_digit()),
        RoleKind::Text | RoleKind::Side => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_spellings_find_their_role() {
        for (name, role) in [
            ("HS_CODE", Some(Role::Hs)),
            ("HS CODE", Some(Role::Hs)),
            ("CIF_VALUE_IN_USD", Some(Role::Value)),
            ("Net Mass", Some(Role::NetWeight)),
            ("NET_WEIGHT_KG", Some(Role::NetWeight)),
            ("IMPORTER_NAME_EN", Some(Role::Importer)),
            ("COUNTRY_OF_ORIGIN", Some(Role::Origin)),
            ("MONTHYEAR", Some(Role::Date)),
            ("GROSS_WEIGHT", None),
            ("HS_CODE_2", None),
            ("UNIT_VALUE_USD", None),
            ("IMPORTER_ADDRESS", None),
            ("COUNTRY", None),
        ] {
            assert_eq!(role_of_name(name), role, "{name}");
        }
    }

    #[test]
    fn the_better_spelling_wins_and_values_can_veto() {
        let names = ["RECORD_ID", "DECLARATION_NUMBER", "VALUE", "FOB_USD"].map(str::to_owned);
        let sample = vec![vec![], vec![], vec![Some("high".into())], vec![Some("12.5".into())]];
        let roles = recognise(&names, &sample);
        let of = |role| roles.iter().find(|(r, _)| *r == role).map(|(_, a)| a.column);
        assert_eq!(of(Role::Id), Some(1));
        assert_eq!(of(Role::Value), Some(3));
    }
}
