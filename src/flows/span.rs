//! The periods of the cells of a state.

use crate::error::Result;
use crate::flows::FlowSpec;
use crate::state::checked::wrong;
use crate::state::members::List;
use crate::store::iso;

impl FlowSpec {
    /// The first and last period of the cells of a state. Each must be the first day of a period.
    pub fn span(&self, days: &List, detector: &str) -> Result<(i32, i32)> {
        let mut span: Option<(i32, i32)> = None;
        for day in days.values.iter().map(|day| *day as i32) {
            if self.every.start(day) != day {
                let what =
                    format!("the column \"periods\" holds {}, on which no {} begins", iso(day), self.every.name());
                return Err(wrong(&what, detector));
            }
            span = Some(span.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
        }
        let (first, last) = span.ok_or_else(|| wrong("the state holds no records", detector))?;
        let about = f64::from(last - first) / self.every.days();
        if about > self.most {
            let what = format!(
                "the column \"periods\" goes from {} to {}, about {about:.0} {}s, more than the {} that can be compared",
                iso(first),
                iso(last),
                self.every.name(),
                self.most
            );
            return Err(wrong(&what, detector));
        }
        Ok((first, last))
    }
}
