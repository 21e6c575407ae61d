//! Each price compared with those of its peers, as a signed standard normal number. The peers are the shipments of
//! others: a firm must not be measured against itself.

use super::super::unit_value::{LocationScale, PeerGroupRef};
use super::model::Base;
use super::parts::Parts;
use crate::error::Result;
use crate::progress::Progress;
use crate::stats::median;

/// From this share of a peer group on, the centre is computed again without the firm's own shipments. A smaller share
/// moves a median by less than a tenth of what sets the firm apart.
const NOTABLE: f64 = 0.1;

/// The peers of a part.
#[derive(Clone, Copy, Default)]
pub(super) struct Peers {
    /// The peer group; `None` if no level has enough shipments of others.
    pub(super) group: Option<PeerGroupRef>,
    /// The usual log price of others.
    pub(super) centre: f64,
    /// Shipments of the firm itself in the peer group, and of others.
    pub(super) own: u32,
    pub(super) others: u32,
}

/// All prices compared, in the order of the parts.
pub(super) struct Compared {
    pub(super) peers: Vec<Peers>,
    /// The signed normal score of each price; NaN without peers.
    pub(super) score: Vec<f64>,
    /// The log price less the usual one.
    pub(super) off: Vec<f64>,
}

impl Base {
    /// `firm_of` gives the fitted number of the firm of each part, and `trail` its peer group at each level.
    pub(super) fn compare(
        &self,
        parts: &Parts,
        firm_of: &[Option<u32>],
        trail: &[Vec<Option<u32>>],
        progress: &Progress,
    ) -> Result<Compared> {
        let mut peers = progress
            .each(0..parts.len(), 1 << 10, |part| self.peers(firm_of[part], trail.iter().map(|level| level[part])))?;
        let wanted = |part: usize, peers: &Peers| {
            let notable = f64::from(peers.own) > NOTABLE * f64::from(peers.own + peers.others);
            peers.group.zip(firm_of[part]).filter(|_| notable).map(|(at, firm)| (at.level, at.group, firm))
        };
        let mut shifts: Vec<(u32, u32, u32)> =
            peers.iter().enumerate().filter_map(|(part, peers)| wanted(part, peers)).collect();
        shifts.sort_unstable();
        shifts.dedup();
        let by = progress.each(0..shifts.len(), 1, |i| self.shift(shifts[i]))?;
        for (part, peers) in peers.iter_mut().enumerate() {
            if let Some(at) = wanted(part, peers).and_then(|wanted| shifts.binary_search(&wanted).ok()) {
                peers.centre += by[at];
            }
        }
        let part_of = parts.part_of();
        let made = progress.each(0..parts.x.len(), 1 << 12, |i| {
            let peers = &peers[part_of[i] as usize];
            let Some(at) = peers.group else { return (f64::NAN, f64::NAN) };
            let (level, group) = self.unit.level(at);
            let by = LocationScale { centre: peers.centre, ..group.by };
            (group.normal_score(by.z(parts.x[i]), &level.tails), parts.x[i] - peers.centre)
        })?;
        let (score, off) = made.into_iter().unzip();
        Ok(Compared { peers, score, off })
    }

    /// The finest peer group with enough shipments of others.
    fn peers(&self, firm: Option<u32>, trail: impl Iterator<Item = Option<u32>>) -> Peers {
        let min_peers = self.settings.prices.min_peers;
        for (l, group) in trail.enumerate() {
            let Some(group) = group else { continue };
            let fitted = &self.unit.levels[l].groups[group as usize];
            let own = firm.map_or(0, |firm| {
                let own = self.by_firm[l].own(group, firm, &self.parts.firm_of);
                own.iter().map(|&part| self.parts.of(part as usize).len() as u32).sum()
            });
            let others = fitted.n - own;
            if fitted.has_spread(min_peers) && others as usize >= min_peers {
                let at = PeerGroupRef { level: l as u32, group };
                return Peers { group: Some(at), centre: fitted.by.centre, own, others };
            }
        }
        Peers::default()
    }

    /// By how much the median of a peer group moves without the shipments of a firm.
    fn shift(&self, (level, group, firm): (u32, u32, u32)) -> f64 {
        let parts = self.by_firm[level as usize].all(group);
        let centre = |kept: &dyn Fn(u32) -> bool| {
            let kept = parts.iter().filter(|&&part| kept(self.parts.firm_of[part as usize]));
            median(kept.flat_map(|&part| self.parts.of(part as usize)).copied())
        };
        match (centre(&|other| other != firm), centre(&|_| true)) {
            (Some(others), Some(all)) => others - all,
            _ => 0.0,
        }
    }
}
