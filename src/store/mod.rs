//! The shipments in memory. Columns stay as they came; what a computation needs of them (dense
//! codes, plain numbers, days) is read from them once, when first asked for, and kept.

mod codes;
mod column;
pub mod country;
mod currency;
mod date;
mod days;
mod digits;
mod encode;
mod fault;
mod hs;
mod month;
mod naming;
mod nothing;
mod number;
mod numeric;
mod original;
mod period;
mod plain;
mod reading;
mod role;
mod settle;
mod shipments;
mod short;
mod side;
mod spelling;
mod totals;
mod vote;
mod whole;

pub use codes::{Codes, day_labels, text_labels};
pub use column::{Column, Loader};
pub use currency::note as currency_note;
pub use date::{CALENDAR, DateCell, DateOrder, Grain, parse_date};

pub use digits::date_spelling;
pub use encode::{counted, encode};
pub use fault::{Fault, Repair, RowList, reason};
pub use month::month_named;
pub use naming::without_nul;
pub use nothing::{is_nothing, is_to_order};
pub use number::{Decimal, NumberCell, NumberFormat, is_missing, parse_number};
pub use numeric::NOT_A_NUMBER;
pub use period::{Every, Period, iso};
pub use plain::{Plain, plain};
pub use role::{Role, RoleKind};
pub use shipments::{Assigned, NULL_DAY, Shipments, Store, closest, label_texts};
pub use short::{mix, short};
pub use side::Side;
pub use spelling::folded;
pub use totals::Totals;
pub use vote::{Ballot, Elected};
pub use whole::Whole;
