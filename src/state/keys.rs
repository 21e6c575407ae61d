//! The columns of keys in a state, in the types that keys have.

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::error::Result;
use crate::store::Every;

/// Keys in their original types: text as views, dates as days. Other tools may have changed them.
pub fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    let kind = match column.data_type() {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        kind => kind.clone(),
    };
    Ok(match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => cast(column, &DataType::Utf8View)?,
        DataType::Date64 => cast(column, &DataType::Date32)?,
        kind => cast(column, &kind)?,
    })
}

/// The values of the key `name`. A period is a day, even if another tool made it a timestamp.
pub fn plain_key(name: &str, column: &ArrayRef) -> Result<ArrayRef> {
    let day = name == "date" || Every::named(name).is_some();
    if day && matches!(column.data_type(), DataType::Timestamp(_, _)) {
        return Ok(cast(column, &DataType::Date32)?);
    }
    plain(column)
}
