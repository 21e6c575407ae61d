//! The result of reading the column of a role.

use std::sync::Arc;

use super::codes::Codes;
use super::country::CountryFormat;
use super::hs::LostZeros;

/// The codes of a role, the cells that could not be read, the corrected cells, and the format.
#[derive(Clone)]
pub struct RoleReading {
    pub codes: Arc<Codes>,
    pub faults: Vec<(u32, &'static str)>,
    pub repairs: Vec<(u32, &'static str)>,
    pub lost_zeros: Option<LostZeros>,
    pub countries: Option<CountryFormat>,
}

impl RoleReading {
    pub(super) fn of(codes: Arc<Codes>) -> RoleReading {
        RoleReading { codes, faults: Vec::new(), repairs: Vec::new(), lost_zeros: None, countries: None }
    }
}
