//! The content of a record as one number. It is the same in any order, part or copy of the source.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stats::mix;
use crate::store::{Shipments, label_texts};

/// A hash of a text that is the same on every machine.
pub fn text_hash(text: &str) -> u64 {
    let mut hash = text.len() as u64;
    for chunk in text.as_bytes().chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash ^ u64::from_le_bytes(bytes));
    }
    hash
}

/// A hash of the content of each record, from the texts of its cells. Codes would differ between a part of a source and
/// a copy of that part.
pub fn contents(ships: &Shipments, progress: &Progress) -> Result<Vec<u64>> {
    let mut content = vec![0u64; ships.len()];
    for column in ships.store.own_columns() {
        progress.check()?;
        let codes = match column.codes(progress) {
            Ok(codes) => codes,
            Err(Error::Schema(_)) => continue, // lists and the like have no order
            Err(error) => return Err(error),
        };
        let mut labels: Vec<u64> =
            label_texts(&codes)?.iter().map(|text| text.as_deref().map_or(0, text_hash)).collect();
        labels.push(1); // null
        content.par_iter_mut().with_min_len(1 << 12).enumerate().for_each(|(at, hash)| {
            *hash = mix(*hash ^ labels[codes.ids[ships.rows.row(at)] as usize]);
        });
    }
    Ok(content)
}

/// The same for some rows of the source, without encoding whole columns.
pub fn contents_of(ships: &Shipments, rows: &[u32], progress: &Progress) -> Result<Vec<u64>> {
    let columns = ships.store.own_columns();
    for column in columns {
        column.chunks(progress)?;
    }
    let content = |&row: &u32| {
        progress.check()?;
        let cells = columns.iter().map(|column| column.raw(row as usize));
        Ok(cells.fold(0, |hash, cell| mix(hash ^ cell.map_or(1, |text| text_hash(&text)))))
    };
    rows.par_iter().map(content).collect()
}
