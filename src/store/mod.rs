//! The shipments in memory. Columns stay as they came; what a computation needs of them (dense
//! codes, plain numbers, days) is read from them once, when first asked for, and kept.

mod codes;
mod column;
mod date;
mod days;
mod encode;
mod fault;
mod hs;
mod months;
mod naming;
mod number;
mod numeric;
mod original;
mod period;
mod role;
mod shipments;
mod text;
mod whole;

pub use codes::{Codes, day_labels, text_labels};
pub use column::{Column, Loader};
pub use date::{DateCell, DateOrder, parse_date};
pub use days::CALENDAR;
pub use encode::{counted, encode};
pub use fault::{Fault, RowList};
pub use months::month_named;
pub use naming::without_nul;
pub use number::{Decimal, NumberCell, is_missing, parse_number};
pub use numeric::NOT_A_NUMBER;
pub use period::{Every, Period, iso};
pub use role::{Role, RoleKind};
pub use shipments::{Assigned, NULL_DAY, Shipments, Store, closest, label_texts};
pub use text::plain;
pub use whole::Whole;
