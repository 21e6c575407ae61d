//! The fold of each record, by a hash of its content.

use rayon::prelude::*;

use crate::error::Result;
use crate::progress::Progress;
use crate::stats::mix;
use crate::store::{Role, Shipments, label_texts, text_hash};

/// The start of the hash. It makes folds independent of other uses of the same content.
const SEED: u64 = 0xf01d;

/// The roles that both have and features describe. Their contents decide the fold: a record with further columns keeps
/// its fold, and records that are described alike are in one fold, so none of them describes the other.
pub fn common(ships: &Shipments, history: &Shipments) -> Vec<Role> {
    let all = [
        Role::Date,
        Role::Hs,
        Role::Origin,
        Role::Destination,
        Role::Exporter,
        Role::Importer,
        Role::Value,
        Role::NetWeight,
        Role::Quantity,
    ];
    all.into_iter().filter(|&r| ships.store.role(r).is_some() && history.store.role(r).is_some()).collect()
}

/// The fold of each shipment. It depends on nothing but the record itself: neither on its row, nor on other records.
pub fn of(ships: &Shipments, roles: &[Role], folds: usize, progress: &Progress) -> Result<Vec<u8>> {
    let mut hash = vec![SEED; ships.len()];
    for &role in roles {
        progress.check()?;
        match role {
            Role::Value | Role::NetWeight | Role::Quantity => {
                let numbers = ships.store.role_numbers(role, progress)?;
                // One bit pattern for zero, and one for a missing number.
                let bits = |x: f64| if x.is_nan() { 1 } else { (x + 0.0).to_bits() };
                stir(&mut hash, |at| bits(numbers[ships.rows.row(at)]));
            }
            Role::Date => {
                let days = ships.store.days(progress)?;
                stir(&mut hash, |at| days[ships.rows.row(at)] as u64);
            }
            role => {
                let codes = ships.store.role_codes(role, progress)?;
                let mut labels: Vec<u64> =
                    label_texts(&codes)?.iter().map(|text| text.as_deref().map_or(1, text_hash)).collect();
                labels.push(1); // null
                stir(&mut hash, |at| labels[codes.ids[ships.rows.row(at)] as usize]);
            }
        }
    }
    Ok(hash.into_par_iter().with_min_len(1 << 14).map(|hash| (mix(hash) % folds as u64) as u8).collect())
}

fn stir(hash: &mut [u64], cell: impl Fn(usize) -> u64 + Send + Sync) {
    hash.par_iter_mut().with_min_len(1 << 12).enumerate().for_each(|(at, hash)| *hash = mix(*hash ^ cell(at)));
}

/// The shipments whose position passes the test.
pub fn some(ships: &Shipments, test: impl Fn(usize) -> bool) -> Shipments {
    ships.subset((0..ships.len()).filter(|&at| test(at)).map(|at| ships.rows.row(at) as u32).collect())
}
