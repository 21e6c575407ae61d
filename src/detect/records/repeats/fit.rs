//! The fit: gathers and sorts the records of each group.

use std::sync::Arc;

use rayon::prelude::*;

use super::columns::Columns;
use super::learn::learn;
use super::model::{Amount, LARGE, Large, Model, Record, Repeats};
use super::rates::Rates;
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
        let mut by_amount: Vec<u32> = vec![0; records.len()];
        let mut groups: Vec<(&mut [Record], &mut [u32])> = Vec::with_capacity(group_keys.groups());
        let (mut rest, mut places) = (&mut records[..], &mut by_amount[..]);
        for g in 0..group_keys.groups() {
            let size = starts[g + 1] - starts[g];
            let (group, behind) = rest.split_at_mut(size);
            let (order, others) = places.split_at_mut(size);
            groups.push((group, order));
            (rest, places) = (behind, others);
        }
        groups.into_par_iter().with_min_len(LARGE).for_each(|(group, order)| {
            if !progress.stopped() {
                group.sort_unstable_by_key(Record::order);
                order.iter_mut().zip(0..).for_each(|(place, at)| *place = at);
                // Records lie by day already.
                order.sort_unstable_by_key(|&at| (group[at as usize].amount(), at));
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
        let mut codes: Vec<Vec<Amount>> = vec![Vec::new(); groups];
        for g in 0..group_keys.groups() {
            progress.check()?;
            codes[code_of[g] as usize].extend(records[starts[g]..starts[g + 1]].iter().map(Record::amount));
        }
        codes.par_iter_mut().for_each(|amounts| {
            if !progress.stopped() {
                amounts.par_sort_unstable();
            }
        });
        let large =
            progress.each(0..group_keys.groups(), 1 << 10, |g| Large::of(self, &records[starts[g]..starts[g + 1]]))?;
        let rates = Rates::unknown(codes.len());
        let settings = self.clone();
        let mut model = Model { settings, keys, group_keys, starts, records, by_amount, codes, code_of, rates, large };
        model.rates = learn(&model, progress)?;
        Ok(model)
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
