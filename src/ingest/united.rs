//! The columns of several files together, matched by name.

use std::path::Path;

use hashbrown::HashMap;

use crate::error::{Error, Result};

pub struct United {
    pub names: Vec<String>,
    /// For each file the positions of its columns among these names.
    pub places: Vec<Vec<usize>>,
    /// Which files do not have which columns.
    pub notes: Vec<String>,
}

pub fn unite(files: &[(&Path, &[String])]) -> Result<United> {
    let mut names: Vec<String> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    let mut lacking: Vec<Vec<&Path>> = Vec::new();
    let mut places = Vec::new();
    for (i, (path, own)) in files.iter().enumerate() {
        let known = names.len();
        let here: Vec<usize> = own
            .iter()
            .map(|name| {
                let next = names.len();
                let at = *place.entry(name).or_insert(next);
                if at == next {
                    names.push(name.clone());
                    lacking.push(files[..i].iter().map(|(path, _)| *path).collect());
                }
                at
            })
            .collect();
        if i > 0 && here.iter().all(|&at| at >= known) {
            return Err(Error::Schema(format!(
                "{} and {} have no column in common: {} and {}; read the files apart",
                files[0].0.display(),
                path.display(),
                files[0].1.join(", "),
                own.join(", ")
            )));
        }
        let mut found = vec![false; names.len()];
        here.iter().for_each(|&at| found[at] = true);
        (0..names.len()).filter(|&at| !found[at]).for_each(|at| lacking[at].push(path));
        places.push(here);
    }
    let told = names.iter().zip(&lacking).filter(|(_, without)| !without.is_empty());
    let notes = told.map(|(name, without)| note(name, without, files.len())).collect();
    Ok(United { names, places, notes })
}

/// A note on the files that do not have a column.
fn note(name: &str, without: &[&Path], of: usize) -> String {
    let shown: Vec<String> = without.iter().take(3).map(|f| f.display().to_string()).collect();
    let more = if without.len() > 3 { format!(" and {} more", without.len() - 3) } else { String::new() };
    format!("{} of {of} files have no column {name:?}, which is null there: {}{more}", without.len(), shown.join(", "))
}
