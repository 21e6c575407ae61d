//! Fitting the stories to the scores of a level, and the choice between them.

use super::law::Tail;
use super::search::{Fit, search, search_up_to};
use super::sides::{Cells, Observed, edges};
use super::story::{BUMP, OFF, Parameters, Story};

/// Stories whose costs differ by less are about as good: none is twenty times as likely as the other.
const ALIKE: f64 = 6.0;
/// The score at which natural tails are compared. Findings begin about there.
const CAUTION: f64 = 4.0;
/// The largest share of errors on a side: a twentieth of all, on one side, and some room. What is more frequent is nature.
const ERRORS: f64 = 0.15;
/// The largest number of bumps on a side.
const BUMPS: usize = 3;

/// What was learnt from one side.
#[derive(Clone, Debug)]
pub struct Learnt {
    pub story: Story,
    pub tail: Tail,
    /// The share of scores of this side that are errors.
    pub errors: f64,
    /// How many times more the counts scatter about the best story than chance alone would let them.
    pub dispersion: f64,
}

/// Fits the stories and compares them by the Bayesian information criterion (Schwarz 1978), with the deviance divided by
/// the dispersion, because no story has exactly the right form. Nature costs nothing: only bumps of errors pay for their
/// parameters. Of stories that are about as good, the one with the longest natural tail is chosen. Without `errors`,
/// only stories of nature are told.
pub fn learn(observed: &[Observed; 2], errors: bool) -> [Learnt; 2] {
    let edges = edges();
    let observed = &[observed[0].cells(), observed[1].cells()];
    let totals = [0, 1].map(|side| observed[side].total);
    let bump = BUMP as f64 * libm::log(totals[0] + totals[1]);
    let bumps = if errors { BUMPS } else { 0 };
    // Without the scores among which errors lie, the core is that of nature.
    let inside =
        [0, 1].map(|side| search_up_to(OFF, &[[Parameters::core(totals[side])]], &[observed[side]], &edges).at[0]);
    let own = [0, 1].map(|side| of_one_side(&observed[side], inside[side], bumps, bump, &edges));
    let mut fits = Vec::new();
    for below in &own[0] {
        for above in &own[1] {
            fits.push(Fit { at: [below.at[0], above.at[0]], deviances: [below.deviances[0], above.deviances[0]] });
        }
    }
    let filled = |side: usize| observed[side].counts.iter().filter(|count| **count >= 0.5).count() as f64;
    let left = |fit: &Fit<2>, side: usize| (filled(side) - fit.at[side].story.parameters() as f64).max(5.0);
    // If chance explains all that the cores do not, another story has nothing to explain.
    if (0..2).any(|side| fits[0].deviances[side] > left(&fits[0], side)) {
        fits.extend(with_loose(&[fits[0].at, inside], observed, bumps, bump, &edges));
    }
    fits.retain(|fit| fit.at.iter().zip(totals).all(|(at, total)| at.errors() <= ERRORS * total));
    let dispersions = [0, 1].map(|side| {
        fits.iter().map(|fit| fit.deviances[side] / left(fit, side)).fold(f64::INFINITY, f64::min).max(1.0)
    });
    let scaled = |fit: &Fit<2>| (0..2).map(|side| fit.deviances[side] / dispersions[side]).sum::<f64>();
    let paid = |fit: &Fit<2>| fit.at.iter().map(|at| at.story.bumps as f64 * bump).sum::<f64>();
    let cost = |fit: &Fit<2>| scaled(fit) + paid(fit);
    let least = fits.iter().map(cost).fold(f64::INFINITY, f64::min);
    let tail = |fit: &Fit<2>| fit.at.iter().map(|at| at.tail().beyond(CAUTION) * at.natural()).sum::<f64>();
    let alike = fits.iter().filter(|fit| cost(fit) <= least + ALIKE);
    let best = alike.max_by(|a, b| tail(a).total_cmp(&tail(b))).unwrap_or(&fits[0]).at;
    [0, 1].map(|side| {
        let (at, total, dispersion) = (best[side], totals[side], dispersions[side]);
        let errors = at.errors();
        let tail = Tail { times: at.natural() / (total - errors), ..at.tail() };
        Learnt { story: at.story, tail, errors: errors / total, dispersion }
    })
}

/// Fits to one side: a core alone, then with more and more bumps.
fn of_one_side(observed: &Cells, inside: Parameters, bumps: usize, price: f64, edges: &[f64]) -> Vec<Fit<1>> {
    let observed = &[*observed];
    let mut fits = vec![search(&[[inside]], observed, edges)];
    let mut last = vec![fits[0].at[0], inside];
    for _ in 0..bumps {
        let starts: Vec<[Parameters; 1]> = last.iter().flat_map(Parameters::with_bump).map(|at| [at]).collect();
        let fit = search(&starts, observed, edges);
        let gain = fits[fits.len() - 1].deviance() - fit.deviance();
        last = vec![fit.at[0]];
        fits.push(fit);
        // A bump that explains too little would never be chosen, and the next would explain less.
        if gain <= price {
            break;
        }
    }
    fits
}

/// Fits to both sides with looser nature, alone, then with more and more bumps on the side where they explain most.
fn with_loose(
    cores: &[[Parameters; 2]],
    observed: &[Cells; 2],
    bumps: usize,
    price: f64,
    edges: &[f64],
) -> Vec<Fit<2>> {
    let both = |[below, above]: &[Parameters; 2]| below.with_loose().into_iter().zip(above.with_loose());
    let starts: Vec<[Parameters; 2]> = cores.iter().flat_map(both).map(|(below, above)| [below, above]).collect();
    let mut last = search(&starts, observed, edges);
    let mut fits = vec![last];
    let mut most = [bumps; 2];
    let grown = |last: &Fit<2>, side: usize| {
        let starts = last.at[side].with_bump().map(|grown| {
            let mut at = last.at;
            at[side] = grown;
            at
        });
        (search(&starts, observed, edges), side)
    };
    loop {
        let sides = [0, 1].into_iter().filter(|&side| last.at[side].story.bumps < most[side]);
        let best = sides.map(|side| grown(&last, side)).min_by(|a, b| a.0.deviance().total_cmp(&b.0.deviance()));
        let Some((fit, side)) = best else { return fits };
        if last.deviance() - fit.deviance() > price {
            last = fit;
        } else {
            most[side] = 0;
        }
        fits.push(fit);
    }
}
