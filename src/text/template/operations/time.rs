//! `strftime_now` for templates: UTC, English names, time given by the caller. Knows no clock.

use std::fmt::Write;

use crate::error::Result;
use crate::text::template::costs::fault;

/// The most bytes of a format.
const MAX_FORMAT: usize = 1024;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment as a calendar shows it.
struct Moment {
    year: i64,
    /// 1 to 12.
    month: u32,
    /// 1 to 31.
    day: u32,
    /// 1 to 366.
    day_of_year: u32,
    /// 0: Sunday.
    weekday: usize,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Moment {
    /// The civil date of a count of days, after Howard Hinnant's `civil_from_days` (years that begin in
    /// March).
    fn new(unix_time: i64) -> Self {
        let (days, seconds) = (unix_time.div_euclid(86_400), unix_time.rem_euclid(86_400) as u32);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = (of_year - (153 * march_month + 2) / 5 + 1) as u32;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 } as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month as usize - 1];
        Self {
            year,
            month,
            day,
            day_of_year: before + day + u32::from(leap && month > 2),
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    fn write(&self, directive: char, out: &mut String) -> Option<()> {
        let month = MONTHS[self.month as usize - 1];
        let weekday = DAYS[self.weekday];
        let hour12 = (self.hour + 11) % 12 + 1;
        match directive {
            'Y' => write!(out, "{:04}", self.year),
            'y' => write!(out, "{:02}", self.year.rem_euclid(100)),
            'm' => write!(out, "{:02}", self.month),
            'd' => write!(out, "{:02}", self.day),
            'e' => write!(out, "{:2}", self.day),
            'j' => write!(out, "{:03}", self.day_of_year),
            'H' => write!(out, "{:02}", self.hour),
            'I' => write!(out, "{hour12:02}"),
            'M' => write!(out, "{:02}", self.minute),
            'S' => write!(out, "{:02}", self.second),
            'p' => write!(out, "{}", if self.hour < 12 { "AM" } else { "PM" }),
            'B' => write!(out, "{month}"),
            'b' | 'h' => write!(out, "{}", &month[..3]),
            'A' => write!(out, "{weekday}"),
            'a' => write!(out, "{}", &weekday[..3]),
            'F' => write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day),
            'T' => write!(out, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second),
            'D' => write!(out, "{:02}/{:02}/{:02}", self.month, self.day, self.year.rem_euclid(100)),
            'R' => write!(out, "{:02}:{:02}", self.hour, self.minute),
            'u' => write!(out, "{}", (self.weekday + 6) % 7 + 1),
            'f' => write!(out, "000000"),
            // Python's `datetime.now()` has no zone.
            'Z' | 'z' => Ok(()),
            '%' => write!(out, "%"),
            _ => return None,
        }
        .ok()
    }
}

/// The time as C's strftime shows it; `%-d` leaves the leading zeros out.
pub(crate) fn strftime(unix_time: i64, format: &str) -> Result<String> {
    if format.len() > MAX_FORMAT {
        let message = format!("strftime_now: a format of {} bytes; {MAX_FORMAT} are possible", format.len());
        return Err(fault(message));
    }
    // Beyond these the year has more than four digits, or the day count overflows.
    let moment = Moment::new(unix_time.clamp(-62_135_596_800, 253_402_300_799));
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut directive = letters.next();
        let plain = directive == Some('-');
        if plain {
            directive = letters.next();
        }
        let start = out.len();
        if directive.and_then(|directive| moment.write(directive, &mut out)).is_none() {
            let message = format!("strftime_now does not know the format {format:.64?}");
            return Err(fault(message));
        }
        if plain {
            let zeros = out[start..].bytes().take_while(|byte| *byte == b'0' || *byte == b' ').count();
            let keep = out.len().saturating_sub(1).max(start);
            out.replace_range(start..(start + zeros).min(keep), "");
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let format = "%A %d %B %Y %H:%M:%S day %j";
        assert_eq!(strftime(0, format).unwrap(), "Thursday 01 January 1970 00:00:00 day 001");
        assert_eq!(strftime(951_782_399, format).unwrap(), "Monday 28 February 2000 23:59:59 day 059");
        assert_eq!(strftime(1_735_646_400, format).unwrap(), "Tuesday 31 December 2024 12:00:00 day 366");
        assert_eq!(strftime(-1, "%F %T").unwrap(), "1969-12-31 23:59:59");
        assert_eq!(strftime(-1, "%D %R %u %f[%Z%z]").unwrap(), "12/31/69 23:59 3 000000[]");
        assert_eq!(strftime(3 * 86_400, "%u").unwrap(), "7");
    }

    #[test]
    fn a_minus_leaves_leading_zeros_out() {
        assert_eq!(strftime(0, "%-d/%-m/%y %-H").unwrap(), "1/1/70 0");
        assert_eq!(strftime(0, "%-Z").unwrap(), "");
        assert_eq!(strftime(0, "a0%-Z%-z%d").unwrap(), "a001");
    }

    #[test]
    fn an_unknown_directive_is_an_error() {
        assert!(strftime(0, "%Q").is_err());
        assert!(strftime(i64::MAX, "%").is_err());
    }
}
