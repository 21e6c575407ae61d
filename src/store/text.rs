//! Texts as names are compared: without case, blanks, punctuation and accents.

/// Letters and digits in lower case, accents of Latin letters dropped.
pub fn plain(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).flat_map(folded).collect()
}

fn folded(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => ('a', None),
        'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => ('e', None),
        'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ī' => ('i', None),
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => ('o', None),
        'ú' | 'ù' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => ('u', None),
        'ç' | 'ć' | 'č' => ('c', None),
        'ñ' | 'ń' | 'ň' => ('n', None),
        'ş' | 'ś' | 'š' | 'ș' => ('s', None),
        'ğ' => ('g', None),
        'ý' | 'ÿ' => ('y', None),
        'ž' | 'ź' | 'ż' => ('z', None),
        'ł' => ('l', None),
        'ț' | 'ţ' | 'ť' => ('t', None),
        'ř' => ('r', None),
        'ё' => ('е', None),
        'ß' => ('s', Some('s')),
        'œ' => ('o', Some('e')),
        'æ' => ('a', Some('e')),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn case_blanks_punctuation_and_accents_do_not_count() {
        assert_eq!(plain("PAÍS de Origen"), "paisdeorigen");
        assert_eq!(plain("GTİP"), "gtip");
        assert_eq!(plain("Yıl"), "yil");
        assert_eq!(plain("FOB(u$s)"), "fobus");
        assert_eq!(plain("Вага нетто, кг"), "ваганеттокг");
    }
}
