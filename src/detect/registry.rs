//! The list of detectors. No other file names them; a detector is made from its name and parameters here.

use super::entity::{Digits, Newcomer};
use super::flow::{Divergence, Diversion, MirrorGap, Surge};
use super::labelled::Labelled;
use super::parameters::Parameters;
use super::price::{FirmPrices, UnitValue, ValueWeight};
use super::records::{Ecod, Isolation, Rarity, Repeats};
use super::traits::{Detector, Registered};
use crate::error::{Error, Result};
use crate::store::closest;

/// All detectors, in the order of display.
pub const ALL: &[Entry] = &[
    Entry::of::<UnitValue>(),
    Entry::of::<ValueWeight>(),
    Entry::of::<Rarity>(),
    Entry::of::<Repeats>(),
    Entry::of::<Isolation>(),
    Entry::of::<Ecod>(),
    Entry::of::<FirmPrices>(),
    Entry::of::<Digits>(),
    Entry::of::<Newcomer>(),
    Entry::of::<Surge>(),
    Entry::of::<Divergence>(),
    Entry::of::<MirrorGap>(),
    Entry::of::<Diversion>(),
];

/// The name of a detector, and a function that makes one from parameters.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    make: fn(&Parameters) -> Result<Box<dyn Detector>>,
}

impl Entry {
    pub const fn of<D: Registered + 'static>() -> Entry {
        Entry { name: D::NAME, make: |parameters| Ok(Box::new(D::of_parameters(parameters)?)) }
    }

    /// The detector. It leaves out rows that are totals of others, and labels its states.
    pub fn detector(&self, parameters: &Parameters) -> Result<Labelled> {
        let made = (self.make)(parameters)?;
        parameters.finish(self.name)?;
        Ok(Labelled::new(self.name, made, &parameters.normalised()))
    }
}

/// A detector by its name.
pub fn detector(name: &str, parameters: &Parameters) -> Result<Labelled> {
    let entry = ALL.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names = || ALL.iter().map(|entry| entry.name);
        let known: Vec<&str> = names().collect();
        Error::Argument(format!(
            "there is no detector {name:?}{}; there are {}",
            closest(name, names()),
            known.join(", ")
        ))
    })?;
    entry.detector(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn an_unknown_name_gets_the_closest_one() {
        let none = Parameters::parse("{}").unwrap();
        let error = detector("UnitValues", &none).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("UnitValue"), "{error}");
    }
}
