//! The record of a firm: both tests, and the numbers behind them.

use super::super::unit_value::{PeerGroupRef, Prices};
use super::compare::Compared;
use super::components::{Cell, Mean};
use super::extremes::Extremes;
use super::model::Model;
use super::parts::Parts;
use crate::error::Result;
use crate::group::GroupIndex;
use crate::progress::Progress;
use crate::stats::{exact_sum, median};

/// The prices of one firm compared with those of its peers.
#[derive(Clone, Default)]
pub(super) struct Record {
    /// Shipments with a price; of these, with peers.
    pub(super) priced: usize,
    pub(super) shipments: usize,
    /// Peer groups of its own, and the one with most of its shipments.
    pub(super) products: usize,
    pub(super) main: Option<PeerGroupRef>,
    pub(super) in_main: usize,
    /// Shipments of others in its peer groups.
    pub(super) others: usize,
    /// Shipments in peer groups where more than half are its own.
    pub(super) dominated: usize,
    pub(super) mean: Mean,
    /// Standard deviations of honest firms from zero.
    pub(super) one_sided: f64,
    pub(super) one_sided_p: f64,
    /// The share of its prices below the usual price.
    pub(super) below: f64,
    /// The median price, relative to the usual price.
    pub(super) level: f64,
    /// Its value, less the value at usual prices.
    pub(super) gap: f64,
    /// `None` if the firm is not scored.
    pub(super) extremes: Option<Extremes>,
}

impl Record {
    /// Twice the smaller of both p-values (Bonferroni). NaN if not scored.
    pub(super) fn p(&self) -> f64 {
        self.extremes.as_ref().map_or(f64::NAN, |e| (2.0 * self.one_sided_p.min(e.p)).min(1.0))
    }

    /// Whether the side of all prices says more than the extremes.
    pub(super) fn is_one_sided(&self) -> bool {
        self.extremes.as_ref().is_none_or(|e| self.one_sided_p <= e.p)
    }
}

/// The records of all firms of these parts. `index` holds the rows of each part.
pub(super) fn records(
    model: &Model,
    parts: &Parts,
    firms: usize,
    compared: &Compared,
    (index, prices): (&GroupIndex, &Prices),
    progress: &Progress,
) -> Result<Vec<Record>> {
    let cells = compared.cells(parts, progress)?;
    let held: Vec<Cell> = cells.iter().flatten().copied().collect();
    let means = model.signed.means(&held, firms);
    let distances = compared.distances(parts, &cells, &model.signed, &means);
    let mut parts_of: Vec<Vec<usize>> = vec![Vec::new(); firms];
    (0..parts.len()).for_each(|part| parts_of[parts.firm_of[part] as usize].push(part));
    let by_value = model.base.settings.prices.measure.starts_with("value/");
    let gap = |part: usize| {
        let usual = libm::exp(compared.peers[part].centre);
        let rows = index.rows(part).iter().map(|&row| row as usize).filter(|&row| !prices.x[row].is_nan());
        exact_sum(&rows.map(|row| prices.over[row] - usual * prices.under[row]).collect::<Vec<f64>>())
    };
    progress.each(0..firms, 1 << 4, |firm| {
        let scored: Vec<usize> = parts_of[firm].iter().copied().filter(|&part| cells[part].is_some()).collect();
        let many = |part: &usize| parts.of(*part).len();
        let mut record = Record {
            priced: parts_of[firm].iter().map(many).sum(),
            shipments: scored.iter().map(many).sum(),
            products: scored.len(),
            mean: means[firm],
            gap: if by_value { scored.iter().map(|&part| gap(part)).sum() } else { f64::NAN },
            ..Record::default()
        };
        let own = |part: &&usize| compared.peers[**part].own > compared.peers[**part].others;
        record.dominated = scored.iter().filter(own).map(many).sum();
        // Parts of one peer group have the same peers.
        let mut groups: Vec<(u32, u32, u32, usize)> = scored
            .iter()
            .filter_map(|&part| compared.group(part).map(|at| (at.level, at.group, compared.peers[part].others, part)))
            .collect();
        groups.sort_unstable();
        for run in groups.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            record.others += run[0].2 as usize;
            let here = run.iter().map(|group| parts.of(group.3).len()).sum();
            if here > record.in_main {
                (record.in_main, record.main) = (here, Some(PeerGroupRef { level: run[0].0, group: run[0].1 }));
            }
        }
        let Some(law) = model.law.as_ref().filter(|_| record.shipments >= model.base.settings.min_shipments) else {
            return record;
        };
        let off = || scored.iter().flat_map(|&part| &compared.off[parts.starts[part]..parts.starts[part + 1]]);
        record.below = off().filter(|off| **off < 0.0).count() as f64 / record.shipments as f64;
        record.level = median(off().copied()).map_or(f64::NAN, libm::exp);
        record.one_sided = record.mean.mean / (model.signed.firms + record.mean.variance).sqrt();
        record.one_sided_p = law.p_value(&record.mean);
        let ranked: Vec<Cell> = scored
            .iter()
            .filter_map(|&part| cells[part])
            .map(|c| Cell { firm: 0, others: f64::INFINITY, level: 0, ..c })
            .collect();
        let effective = model.ranks.effective(&model.ranks.means(&ranked, 1)[0]);
        record.extremes = Some(model.usual.test(&distances[firm], effective));
        record
    })
}
