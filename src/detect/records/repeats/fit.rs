//! The fit: gathers and sorts the records of each group.

use std::sync::Arc;

use rayon::prelude::*;

use super::columns::Columns;
use super::model::{LARGE, Large, Model, Record, Repeats};
use crate::error::Result;
use crate::group::{GroupIndex, GroupKeys, IndexCache, resolve};
use crate::progress::Progress;
use crate::store::{Role, Shipments};

impl Repeats {
    fn keys(ships: &Shipments) -> Result<Vec<String>> {
        let has = |role: &Role| ships.store.role(*role).is_some();
        if !has(&Role::Exporter) && !has(&Role::Importer) {
            ships.store.require(Role::Importer)?;
        }
        ships.store.require(Role::Date)?;
        ships.store.require(Role::Value)?;
        // The two reports of one flow are not a repetition.
        let roles = [Role::Hs, Role::Exporter, Role::Importer, Role::Origin, Role::Destination, Role::ReportedBy];
        Ok(roles.iter().filter(|r| has(r)).map(|r| r.name().to_owned()).collect())
    }

    pub(super) fn model(
        &self,
        keys: Vec<String>,
        group_keys: GroupKeys,
        starts: Vec<usize>,
        mut records: Vec<Record>,
        progress: &Progress,
    ) -> Result<Model> {
        let mut rest = &mut records[..];
        let mut groups: Vec<&mut [Record]> = Vec::with_capacity(group_keys.groups());
        for g in 0..group_keys.groups() {
            let (group, behind) = rest.split_at_mut(starts[g + 1] - starts[g]);
            groups.push(group);
            rest = behind;
        }
        groups.into_par_iter().with_min_len(LARGE).for_each(|group| {
            if !progress.stopped() {
                group.sort_unstable_by_key(Record::order);
            }
        });
        progress.check()?;
        let hs = keys.iter().position(|k| k == Role::Hs.name());
        let (groups, code_of) = match hs {
            Some(at) => {
                let (codes, of) = group_keys.project(&keys[at..=at])?.distinct()?;
                (codes.groups(), of)
            }
            None => (1, vec![0; group_keys.groups()]),
        };
        let mut codes: Vec<Vec<f64>> = vec![Vec::new(); groups];
        for g in 0..group_keys.groups() {
            progress.check()?;
            codes[code_of[g] as usize].extend(records[starts[g]..starts[g + 1]].iter().map(|r| r.value));
        }
        codes.par_iter_mut().for_each(|values| {
            if !progress.stopped() {
                values.sort_unstable_by(f64::total_cmp);
            }
        });
        let large =
            progress.each(0..group_keys.groups(), 1 << 10, |g| Large::of(self, &records[starts[g]..starts[g + 1]]))?;
        Ok(Model { settings: self.clone(), keys, group_keys, starts, records, codes, code_of, large })
    }

    pub(super) fn learn(
        &self,
        ships: &Shipments,
        cache: &IndexCache,
        progress: &Progress,
    ) -> Result<(Model, Arc<GroupIndex>)> {
        self.check()?;
        let keys = Repeats::keys(ships)?;
        let columns = Columns::load(ships, progress)?;
        let index = cache.get(ships, &resolve(&ships.store, &keys)?, progress)?;
        let mut starts = vec![0];
        let mut records = Vec::with_capacity(index.order.len());
        for g in 0..index.groups() {
            progress.check()?;
            records.extend(index.rows(g).iter().filter_map(|&row| columns.record(row as usize)));
            starts.push(records.len());
        }
        Ok((self.model(keys.clone(), GroupKeys::of_index(&index, &keys), starts, records, progress)?, index))
    }
}
