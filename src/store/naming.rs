//! Column names that every library accepts.

/// A new name for each name with a NUL, which would end it wherever names are C strings: the name without it, plus a
/// number if another column has that name.
pub fn without_nul<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Option<String>> {
    let names: Vec<&str> = names.collect();
    let mut taken: Vec<String> = names.iter().filter(|n| !n.contains('\0')).map(|n| (*n).to_owned()).collect();
    let mended = names.iter().enumerate().map(|(column, name)| {
        if !name.contains('\0') {
            return None;
        }
        let rest = name.replace('\0', "");
        let rest = if rest.trim().is_empty() { format!("column_{}", column + 1) } else { rest };
        let mut new = rest.clone();
        let mut number = 2;
        while taken.contains(&new) {
            new = format!("{rest}_{number}");
            number += 1;
        }
        taken.push(new.clone());
        Some(new)
    });
    mended.collect()
}

/// `; did you mean ...?`, where a name is close.
pub fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = names
        .map(|n| (strsim::jaro_winkler(&wanted, &n.to_lowercase()), n))
        .filter(|&(similarity, _)| similarity > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup(); // a role may be the name of its column
    let near: Vec<String> = near.iter().take(3).map(|(_, n)| format!("{n:?}")).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_a_new_name() {
        let names = ["va\0lue", "value", "\0", "value_2", "hs"];
        let made = without_nul(names.into_iter());
        assert_eq!(made, [Some("value_3".into()), None, Some("column_3".into()), None, None]);
    }
}
