//! The traded goods, countries and firms: HS chapters with headings and price levels, countries with weights, and firm
//! names in the scripts of their countries.

use super::random::Random;

/// Chapter, goods, US dollars a kilogram, headings in the nomenclature, unit of quantity.
const CHAPTERS: [(u8, &str, f64, u8, &str); 95] = [
    (1, "live animals", 4.0, 6, "NO"),
    (2, "meat, frozen", 3.8, 10, "KG"),
    (3, "fish, frozen", 4.2, 9, "KG"),
    (4, "dairy produce", 3.5, 10, "KG"),
    (5, "animal products", 3.0, 11, "KG"),
    (6, "live plants", 5.5, 4, "NO"),
    (7, "vegetables, fresh", 1.1, 14, "KG"),
    (8, "fruit and nuts", 1.8, 14, "KG"),
    (9, "coffee, tea and spices", 4.4, 10, "KG"),
    (10, "cereals in bulk", 0.3, 8, "KG"),
    (11, "flour and starches", 0.6, 9, "KG"),
    (12, "oil seeds", 0.7, 14, "KG"),
    (13, "gums and resins", 6.5, 2, "KG"),
    (14, "plaiting materials", 1.2, 4, "KG"),
    (15, "vegetable oils", 1.3, 22, "KG"),
    (16, "preserved meat and fish", 5.0, 5, "KG"),
    (17, "sugar confectionery", 1.0, 4, "KG"),
    (18, "cocoa and chocolate", 4.6, 6, "KG"),
    (19, "bakery products", 2.9, 5, "KG"),
    (20, "preserved vegetables", 1.6, 9, "KG"),
    (21, "food preparations", 5.2, 6, "KG"),
    (22, "beverages", 1.9, 9, "L"),
    (23, "animal feed", 0.6, 9, "KG"),
    (24, "tobacco", 11.0, 4, "KG"),
    (25, "salt, stone and cement", 0.1, 30, "KG"),
    (26, "metal ores", 0.2, 21, "KG"),
    (27, "mineral fuels", 0.6, 16, "KG"),
    (28, "inorganic chemicals", 0.8, 52, "KG"),
    (29, "organic chemicals", 2.6, 42, "KG"),
    (30, "medicaments", 95.0, 6, "KG"),
    (31, "fertilisers", 0.4, 5, "KG"),
    (32, "dyes and paints", 4.1, 15, "KG"),
    (33, "cosmetics", 10.5, 7, "KG"),
    (34, "soap and detergents", 2.1, 7, "KG"),
    (35, "glues and enzymes", 3.9, 7, "KG"),
    (36, "explosives and matches", 6.0, 6, "KG"),
    (37, "photographic film", 18.0, 7, "M2"),
    (38, "chemical products", 3.6, 27, "KG"),
    (39, "plastics articles", 2.7, 26, "KG"),
    (40, "rubber tyres", 3.4, 17, "NO"),
    (41, "hides and leather", 7.0, 12, "M2"),
    (42, "handbags and cases", 17.0, 5, "NO"),
    (43, "furskins", 60.0, 4, "NO"),
    (44, "wood and plywood", 0.6, 21, "M3"),
    (45, "cork", 6.2, 4, "KG"),
    (46, "basketware", 4.8, 2, "KG"),
    (47, "wood pulp", 0.7, 7, "KG"),
    (48, "paper and board", 1.2, 22, "KG"),
    (49, "printed books", 8.5, 11, "NO"),
    (50, "silk fabrics", 55.0, 7, "M2"),
    (51, "wool yarn", 14.0, 13, "KG"),
    (52, "cotton fabrics", 6.8, 12, "M2"),
    (53, "flax and jute", 3.3, 11, "KG"),
    (54, "synthetic filaments", 4.0, 8, "M2"),
    (55, "staple fibres", 2.8, 16, "KG"),
    (56, "felt and nonwovens", 4.4, 9, "KG"),
    (57, "carpets", 5.9, 5, "M2"),
    (58, "special fabrics and lace", 9.2, 11, "KG"),
    (59, "coated textiles", 6.6, 11, "M2"),
    (60, "knitted fabrics", 6.1, 6, "KG"),
    (61, "knitted clothing", 19.0, 17, "NO"),
    (62, "woven clothing", 23.0, 17, "NO"),
    (63, "household textiles", 6.9, 10, "NO"),
    (64, "footwear", 16.0, 6, "PR"),
    (65, "headgear", 18.0, 7, "NO"),
    (66, "umbrellas", 6.0, 3, "NO"),
    (67, "artificial flowers", 6.4, 4, "KG"),
    (68, "stone and plaster articles", 0.7, 15, "KG"),
    (69, "ceramic products", 1.4, 14, "KG"),
    (70, "glassware", 1.8, 20, "KG"),
    (71, "jewellery", 900.0, 18, "G"),
    (72, "iron and steel", 0.9, 29, "KG"),
    (73, "steel articles", 2.4, 26, "KG"),
    (74, "copper articles", 9.0, 19, "KG"),
    (75, "nickel", 19.0, 8, "KG"),
    (76, "aluminium articles", 3.7, 16, "KG"),
    (78, "lead", 2.2, 6, "KG"),
    (79, "zinc", 2.9, 7, "KG"),
    (80, "tin", 25.0, 7, "KG"),
    (81, "tungsten and rare metals", 38.0, 13, "KG"),
    (82, "hand tools", 9.5, 15, "NO"),
    (83, "locks and fittings", 6.2, 11, "KG"),
    (84, "machinery", 15.0, 87, "NO"),
    (85, "electrical equipment", 32.0, 48, "NO"),
    (86, "railway equipment", 6.4, 9, "NO"),
    (87, "motor vehicles and parts", 9.8, 16, "NO"),
    (88, "aircraft parts", 420.0, 7, "NO"),
    (89, "boats", 12.0, 8, "NO"),
    (90, "optical and measuring instruments", 110.0, 33, "NO"),
    (91, "watches", 240.0, 14, "NO"),
    (92, "musical instruments", 21.0, 9, "NO"),
    (93, "arms, parts and accessories", 65.0, 7, "NO"),
    (94, "furniture", 4.3, 6, "NO"),
    (95, "toys and games", 9.4, 8, "NO"),
    (96, "brushes, pens and lighters", 8.1, 20, "NO"),
];

/// Goods with their own names: code, description, US dollars a kilogram, unit.
const NAMED: [(&str, &str, f64, &str); 10] = [
    ("621143", "body armour vests, aramid, with ballistic plates", 210.0, "NO"),
    ("930400", "airsoft guns and gear, spring and gas", 14.0, "NO"),
    ("880622", "unmanned aircraft, up to 7 kg, for aerial photography", 520.0, "NO"),
    ("690912", "technical ceramics, hardness 9 or more on the Mohs scale", 19.0, "KG"),
    ("854231", "electronic integrated circuits, processors", 1800.0, "NO"),
    ("852589", "thermal imaging cameras", 2900.0, "NO"),
    ("848210", "ball bearings", 12.0, "KG"),
    ("851762", "machines for the transmission of data", 95.0, "NO"),
    ("901310", "telescopic sights", 310.0, "NO"),
    ("845710", "machining centres for metal", 17.0, "NO"),
];

/// Country, weight as an exporter, as an importer.
pub const COUNTRIES: [(&str, f64, f64); 60] = [
    ("CN", 20.0, 9.0),
    ("US", 10.0, 14.0),
    ("DE", 9.0, 8.0),
    ("JP", 5.0, 4.0),
    ("KR", 4.0, 3.5),
    ("NL", 4.5, 3.5),
    ("IT", 4.0, 3.0),
    ("FR", 3.5, 4.0),
    ("TW", 3.0, 2.0),
    ("GB", 3.0, 4.5),
    ("IN", 2.5, 3.5),
    ("VN", 2.2, 2.0),
    ("MX", 2.4, 2.6),
    ("CA", 2.2, 2.6),
    ("ES", 2.3, 2.4),
    ("PL", 2.1, 2.3),
    ("TR", 1.9, 2.0),
    ("RU", 2.2, 3.0),
    ("UA", 0.7, 1.6),
    ("KZ", 0.8, 1.6),
    ("KG", 0.3, 0.8),
    ("AM", 0.2, 0.6),
    ("GE", 0.2, 0.7),
    ("UZ", 0.3, 0.8),
    ("AE", 1.8, 2.2),
    ("SA", 1.4, 1.4),
    ("EG", 0.5, 1.0),
    ("ZA", 0.8, 0.9),
    ("NG", 0.6, 0.8),
    ("KE", 0.3, 0.6),
    ("BR", 1.7, 1.5),
    ("AR", 0.7, 0.7),
    ("CL", 0.8, 0.7),
    ("PE", 0.6, 0.6),
    ("CO", 0.5, 0.6),
    ("AU", 1.5, 1.4),
    ("NZ", 0.5, 0.5),
    ("ID", 1.3, 1.2),
    ("MY", 1.6, 1.3),
    ("TH", 1.6, 1.4),
    ("SG", 1.9, 1.7),
    ("PH", 0.6, 0.9),
    ("BD", 0.6, 0.7),
    ("PK", 0.4, 0.7),
    ("LK", 0.2, 0.3),
    ("IL", 0.7, 0.8),
    ("SE", 1.1, 1.0),
    ("NO", 0.8, 0.8),
    ("FI", 0.7, 0.7),
    ("DK", 0.9, 0.9),
    ("CH", 1.7, 1.5),
    ("AT", 1.2, 1.2),
    ("BE", 2.2, 2.1),
    ("CZ", 1.4, 1.3),
    ("HU", 0.9, 0.9),
    ("RO", 0.7, 0.9),
    ("BG", 0.3, 0.4),
    ("GR", 0.4, 0.6),
    ("PT", 0.6, 0.7),
    ("LT", 0.4, 0.5),
];

pub fn country(code: &str) -> u8 {
    COUNTRIES.iter().position(|(c, ..)| *c == code).unwrap_or(0) as u8
}

pub struct Product {
    pub hs: String,
    pub descriptions: [String; 3],
    /// US dollars a kilogram.
    pub price: f64,
    pub unit: &'static str,
    /// Kilograms of one unit.
    pub unit_weight: f64,
    /// Standard deviation of the log price between shipments.
    pub spread: f64,
    /// Median weight of a shipment in kilograms.
    pub weight: f64,
    /// Strength and month of the season.
    pub season: (f64, f64),
}

/// The products, most traded first. The named goods are at fixed positions.
pub fn products(seed: u64) -> Vec<Product> {
    const GRADES: [&str; 8] = [
        "standard grade",
        "first quality",
        "for industrial use",
        "for retail sale",
        "assorted",
        "in bulk",
        "parts thereof",
        "other",
    ];
    let mut products = Vec::new();
    for (chapter, goods, price, headings, unit) in CHAPTERS {
        for heading in 1..=headings {
            let mut random = Random::new(seed, 1, u64::from(chapter) * 100 + u64::from(heading));
            let level = price * libm::exp(0.5 * random.normal());
            for sub in 0..1 + random.below(5) {
                let hs = format!("{chapter:02}{heading:02}{}{}", 1 + sub, [0, 0, 1, 9][random.below(4)]);
                let grade = GRADES[random.below(GRADES.len())];
                let texts = [
                    format!("{goods}, {grade}"),
                    format!("{} {}", goods.to_uppercase(), hs),
                    format!("{goods} type {heading}.{}, {grade}, packed", sub + 1),
                ];
                products.push(product(hs, texts, level * libm::exp(0.35 * random.normal()), unit, &mut random));
            }
        }
    }
    // Trade is concentrated: after a shuffle, the rank gives the volume.
    let mut random = Random::new(seed, 2, 0);
    for i in (1..products.len()).rev() {
        products.swap(i, random.below(i + 1));
    }
    for (i, (hs, goods, price, unit)) in NAMED.into_iter().enumerate() {
        let mut random = Random::new(seed, 3, i as u64);
        let texts = [goods.to_owned(), goods.to_uppercase(), format!("{goods}, new")];
        let mut named = product(hs.to_owned(), texts, price, unit, &mut random);
        named.spread = 0.25;
        named.weight = 60.0;
        products.retain(|p| p.hs != hs);
        products.insert((10 + i * 12).min(products.len()), named);
    }
    products
}

fn product(hs: String, descriptions: [String; 3], price: f64, unit: &'static str, random: &mut Random) -> Product {
    let unit_weight = match unit {
        "KG" | "L" => 1.0,
        "G" => 0.001,
        _ => libm::exp(random.normal()),
    };
    Product {
        hs,
        descriptions,
        price,
        unit,
        unit_weight,
        spread: random.between(0.1, 0.3),
        weight: (4000.0 / price.max(0.2)).clamp(5.0, 20_000.0) * libm::exp(0.6 * random.normal()),
        season: (random.between(0.0, 0.6), random.between(0.0, 12.0)),
    }
}

const LATIN: [[&str; 10]; 2] = [
    ["Nordwind", "Meridian", "Atlas", "Silverline", "Polaris", "Harbour", "Crown", "Delta", "Evergreen", "Summit"],
    [
        "Trading",
        "Logistics",
        "Imports",
        "Industries",
        "Commerce",
        "Supply",
        "Technologies",
        "Foods",
        "Textiles",
        "Global",
    ],
];
const CYRILLIC: [[&str; 10]; 2] = [
    ["Вектор", "Северный", "Альянс", "Прогресс", "Горизонт", "Восток", "Меридиан", "Сибирь", "Орион", "Столица"],
    ["Импорт", "Трейд", "Логистик", "Снаб", "Техно", "Маркет", "Групп", "Комплект", "Сервис", "Инвест"],
];
const CHINESE: [[&str; 10]; 2] = [
    [
        "深圳市华强",
        "广州恒通",
        "上海东方",
        "宁波海联",
        "义乌金源",
        "北京中科",
        "杭州天成",
        "厦门远洋",
        "青岛海瑞",
        "苏州新达",
    ],
    ["电子", "进出口", "贸易", "科技", "实业", "机械", "纺织", "五金", "化工", "国际货运"],
];
const ARABIC: [[&str; 10]; 2] = [
    ["النور", "الخليج", "الأمل", "المستقبل", "الشرق", "الوفاء", "الفجر", "الصقر", "الواحة", "النجم"],
    ["للتجارة", "للاستيراد", "للصناعة", "للمقاولات", "للتوريدات", "الدولية", "للأغذية", "للأجهزة", "للنقل", "العامة"],
];

/// The name of firm `number` of a country, in its script. Larger numbers are smaller firms.
pub fn firm_name(country: u8, number: usize) -> String {
    let (code, ..) = COUNTRIES[usize::from(country)];
    let pick = |words: &[[&'static str; 10]; 2]| (words[0][number % 10], words[1][number / 10 % 10]);
    let rest = number / 100;
    let tail = if rest == 0 { String::new() } else { format!(" {rest}") };
    match code {
        "RU" | "KZ" | "KG" | "UA" => {
            let (a, b) = pick(&CYRILLIC);
            format!("ООО {a} {b}{tail} {code}")
        }
        "CN" | "TW" => {
            let (a, b) = pick(&CHINESE);
            format!("{a}{b}有限公司{tail} {code}")
        }
        "AE" | "SA" | "EG" => {
            let (a, b) = pick(&ARABIC);
            format!("شركة {a} {b}{tail} {code}")
        }
        _ => {
            let (a, b) = pick(&LATIN);
            let form = match code {
                "DE" | "AT" | "CH" => "GmbH",
                "FR" | "BE" => "SARL",
                "IT" => "S.r.l.",
                "PL" => "Sp. z o.o.",
                "TR" => "Ltd. Şti.",
                "US" => "Inc.",
                _ => "Ltd",
            };
            format!("{a} {b}{tail} {form} {code}")
        }
    }
}
