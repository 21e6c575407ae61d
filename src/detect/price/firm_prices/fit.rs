//! The fit: peer groups from all prices, then the scatter of honest firms.

use super::super::unit_value::{Fitted, Members, PeerGroupRef};
use super::compare::Compared;
use super::components::{Cell, Components, Mean};
use super::extremes::Usual;
use super::law::Law;
use super::model::{Base, Model};
use super::parts::{Parts, PartsByFirm};
use super::settings::FirmPrices;
use crate::error::Result;
use crate::evidence::cautions::FittedFacts;
use crate::group::finest;
use crate::progress::Progress;
use crate::state::members::List;

/// A single score counts at most this much in the mean of a firm: one wrong unit does not make a firm.
const CLIP: f64 = 2.5;
/// One over the standard deviation of a rank from 0 to 1: the square root of 12.
const RANK_SCALE: f64 = 3.464_101_615_137_754_6;

impl Model {
    /// The fit, and its own prices compared.
    pub(super) fn learn(
        settings: FirmPrices,
        levels: &[Vec<String>],
        parts: Parts,
        progress: &Progress,
    ) -> Result<(Model, Compared)> {
        let base = Base::of(settings, levels, parts, progress)?;
        let (parts, firms) = (&base.parts, base.firms.groups());
        let min_shipments = base.settings.min_shipments;
        let known: Vec<Option<u32>> = parts.firm_of.iter().map(|&firm| Some(firm)).collect();
        let finest_of = base.finest_of()?;
        let trail: Vec<Vec<Option<u32>>> = base
            .unit
            .levels
            .iter()
            .map(|level| finest_of.iter().map(|&g| Some(level.of_finest[g as usize])).collect())
            .collect();
        let compared = base.compare(parts, &known, &trail, progress)?;
        let cells = compared.cells(parts, progress)?;
        let held: Vec<Cell> = cells.iter().flatten().copied().collect();
        let signed = Components::learn(&held, base.unit.levels.len(), firms, min_shipments);
        progress.check()?;
        let means = signed.means(&held, firms);
        let enough = |mean: &Mean| mean.n >= min_shipments as f64;
        let able: Vec<Mean> = means.iter().filter(|mean| enough(mean)).copied().collect();
        let law = (!able.is_empty()).then(|| Law::learn(&able, signed.firms));
        progress.check()?;
        let distances = compared.distances(parts, &cells, &signed, &means);
        let some: Vec<&[f64]> =
            distances.iter().zip(&means).filter(|(_, m)| enough(m)).map(|(d, _)| d.as_slice()).collect();
        let usual = Usual::of(&some);
        progress.check()?;
        let ranks = progress.each(0..parts.len(), 1 << 8, |part| {
            let firm = parts.firm_of[part];
            let cell = cells[part].filter(|_| enough(&means[firm as usize]))?;
            let expected = signed.expected(&means[firm as usize], &cell);
            let scatter = usual.scatter(&distances[firm as usize]);
            let scores = &compared.score[parts.starts[part]..parts.starts[part + 1]];
            let rank = |w: &f64| RANK_SCALE * (usual.rank((w - expected).abs() / scatter) - 0.5);
            Some(Cell::of(firm, &scores.iter().map(rank).collect::<Vec<f64>>()))
        })?;
        let ranks: Vec<Cell> = ranks.into_iter().flatten().collect();
        let ranks = Components::learn(&ranks, 1, firms, min_shipments);
        progress.check()?;
        Ok((Model { base, signed, ranks, law, usual, cells, learnt_from: able.len() }, compared))
    }
}

impl Base {
    fn of(settings: FirmPrices, levels: &[Vec<String>], parts: Parts, progress: &Progress) -> Result<Base> {
        let (group_keys, finest_of) = parts.keys.project(&finest(levels))?.distinct()?;
        let mut starts = vec![0usize; group_keys.groups() + 1];
        for (part, &g) in finest_of.iter().enumerate() {
            starts[g as usize + 1] += parts.of(part).len();
        }
        for g in 0..group_keys.groups() {
            starts[g + 1] += starts[g];
        }
        let mut next = starts.clone();
        let mut x = vec![0.0; parts.x.len()];
        for (part, &g) in finest_of.iter().enumerate() {
            let (from, prices) = (&mut next[g as usize], parts.of(part));
            x[*from..*from + prices.len()].copy_from_slice(prices);
            *from += prices.len();
        }
        let members = Members { group_keys, starts, x };
        // The cautions of single prices are not used.
        let facts = FittedFacts::restored(&List::default(), "FirmPrices")?;
        let unit = Fitted::of_members(&settings.prices, members, levels, facts, progress)?;
        let by_firm = unit.levels.iter().map(|level| PartsByFirm::of(level, &finest_of, &parts.firm_of)).collect();
        let firms = parts.keys.project(&settings.entity)?.distinct()?.0;
        Ok(Base { settings, unit, parts, firms, by_firm })
    }

    /// The finest peer group of each part.
    fn finest_of(&self) -> Result<Vec<u32>> {
        Ok(self.parts.keys.project(&self.unit.members.group_keys.keys)?.distinct()?.1)
    }
}

impl Compared {
    /// The scores of each part, limited to [`CLIP`]; `None` without peers or prices.
    pub(super) fn cells(&self, parts: &Parts, progress: &Progress) -> Result<Vec<Option<Cell>>> {
        progress.each(0..parts.len(), 1 << 8, |part| {
            let scores = &self.score[parts.starts[part]..parts.starts[part + 1]];
            self.group(part).filter(|_| !scores.is_empty()).map(|at| {
                let limited: Vec<f64> = scores.iter().map(|w| w.clamp(-CLIP, CLIP)).collect();
                let others = f64::from(self.peers[part].others);
                Cell { others, level: at.level as usize, ..Cell::of(parts.firm_of[part], &limited) }
            })
        })
    }

    pub(super) fn group(&self, part: usize) -> Option<PeerGroupRef> {
        self.peers[part].group
    }

    /// How far the scores of each firm lie from those expected for the firm and the product.
    pub(super) fn distances(
        &self,
        parts: &Parts,
        cells: &[Option<Cell>],
        signed: &Components,
        means: &[Mean],
    ) -> Vec<Vec<f64>> {
        let mut distances = vec![Vec::new(); means.len()];
        for (part, cell) in cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            let expected = signed.expected(&means[cell.firm as usize], cell);
            let scores = &self.score[parts.starts[part]..parts.starts[part + 1]];
            distances[cell.firm as usize].extend(scores.iter().map(|w| w - expected));
        }
        distances
    }
}
