//! The shipments in memory. Columns stay as they came; what a computation needs of them (dense
//! codes, plain numbers, days) is read from them once, when first asked for, and kept.

mod codes;
mod column;
mod convert;
pub mod country;
pub mod currency;
mod date;
mod days;
mod digits;
mod encode;
mod fault;
mod hs;
mod mixed;
mod month;
mod naming;
mod nothing;
mod number;
mod numeric;
mod original;
mod period;
mod rates;
mod reading;
mod role;
mod settle;
mod shipments;
mod side;
mod spelling;
mod vote;
mod whole;

pub use codes::{Codes, day_labels, text_labels};
pub use column::{Column, Loader};
pub use convert::{Conversion, convert, currencies};
pub use currency::{Currency, Stated, note as currency_note};
pub use date::{CALENDAR, DateCell, DateOrder, Grain, parse_date};

pub use digits::date_spelling;
pub use encode::{counted, encode};
pub use fault::{Fault, Repair, RowList, reason};
pub use month::month_named;
pub use naming::without_nul;
pub use nothing::{is_nothing, is_to_order};
pub use number::{Decimal, NumberCell, NumberFormat, is_missing, parse_number};
pub use numeric::{NOT_A_NUMBER, nullable};
pub use period::{Every, Period, iso};
pub use rates::Rates;
pub use role::{Role, RoleKind};
pub use shipments::{Assigned, NULL_DAY, Shipments, Store, closest, label_texts};
pub use side::Side;
pub use spelling::folded;
pub use vote::{Ballot, Elected};
pub use whole::Whole;
