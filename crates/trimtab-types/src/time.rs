//! Time in UTC microseconds, and the one clock that everything reads it from.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z. Printed as RFC 3339; stored as the integer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// The text or number is not a time or duration that we can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {expected}")]
pub struct TimeError {
    /// What was found.
    pub text: String,
    /// What was expected, with an example.
    pub expected: &'static str,
}

const EXPECTED_TIME: &str =
    "time (RFC 3339 such as 2013-01-31T00:00:00Z, or a date such as 2013-01-31)";
const EXPECTED_DURATION: &str =
    "duration (a number and one of s, m, h, d, w: 90s, 15m, 6h, 1d, 2w)";

impl Time {
    /// The earliest time that can be held.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time that can be held.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the epoch, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The start of the span of length `width` (counted from the epoch) that holds this time.
    #[must_use]
    pub fn floor(self, width: Duration) -> Self {
        Self(self.0 - self.0.rem_euclid(width.0.max(1)))
    }

    /// How long after `earlier` this is; negative when before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.0))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({self})")
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError {
            text: text.to_owned(),
            expected: EXPECTED_TIME,
        };
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(timestamp.as_microsecond()));
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| error())?;
        let timestamp = jiff::tz::TimeZone::UTC
            .to_timestamp(civil)
            .map_err(|_| error())?;
        Ok(Self(timestamp.as_microsecond()))
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A span of time in microseconds; may be negative. Written `90s`, `15m`, `6h`, `1d`, `2w`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(i64);

impl Duration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// From microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// From hours, saturating.
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours.saturating_mul(3_600_000_000))
    }

    /// From days of 24 hours, saturating.
    pub const fn from_days(days: i64) -> Self {
        Self(days.saturating_mul(86_400_000_000))
    }

    /// Microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds, with fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The standard library's form; zero when negative.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] = [
            (604_800_000_000, "w"),
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "m"),
            (1_000_000, "s"),
        ];
        match UNITS
            .iter()
            .find(|(micros, _)| self.0 != 0 && self.0 % micros == 0)
        {
            Some((micros, unit)) => write!(f, "{}{unit}", self.0 / micros),
            None if self.0 == 0 => f.write_str("0s"),
            None => write!(f, "{}s", self.as_secs_f64()),
        }
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duration({self})")
    }
}

impl FromStr for Duration {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError {
            text: text.to_owned(),
            expected: EXPECTED_DURATION,
        };
        let split = text
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or_else(error)?;
        let (number, unit) = text.split_at(split);
        let number: f64 = number.trim().parse().map_err(|_| error())?;
        let micros = match unit {
            "s" => 1e6,
            "m" => 6e7,
            "h" => 3.6e9,
            "d" => 8.64e10,
            "w" => 6.048e11,
            _ => return Err(error()),
        } * number;
        if !micros.is_finite() || micros.abs() > 9e18 {
            return Err(error());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bounded on the line before"
        )]
        let micros = micros.round() as i64;
        Ok(Self(micros))
    }
}

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The clock was asked for something that it cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Only a replay clock moves by command.
    #[error("this server runs on the system clock, which cannot be set")]
    NotReplay,
    /// Time does not go back.
    #[error("the clock stands at {now} and cannot go back to {to}")]
    Backwards {
        /// Where it stands.
        now: Time,
        /// Where it was told to go.
        to: Time,
    },
}

/// The clock handed to everything. `now` is the loop's time (event time: windows, holds, cooldowns, label age);
/// `wall` is real time (leases, timeouts, `received_at`). They differ only under the replay clock, which moves
/// by command alone; tests use it as their fake clock.
#[derive(Debug, Clone)]
pub struct Clock {
    replay: Option<Arc<AtomicI64>>,
    /// Whether real time stands still with it.
    is_by_hand: bool,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self {
            replay: None,
            is_by_hand: false,
        }
    }

    /// A clock that stands at `start` until it is advanced.
    pub fn replay(start: Time) -> Self {
        Self {
            replay: Some(Arc::new(AtomicI64::new(start.0))),
            is_by_hand: false,
        }
    }

    /// A replay clock that real time follows too: for tests of what hangs on real time, such as retention.
    pub fn by_hand(start: Time) -> Self {
        Self {
            is_by_hand: true,
            ..Self::replay(start)
        }
    }

    /// The loop's time.
    pub fn now(&self) -> Time {
        match &self.replay {
            Some(micros) => Time(micros.load(Ordering::Acquire)),
            None => self.wall(),
        }
    }

    /// Real time, whatever the loop's clock says.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    pub fn wall(&self) -> Time {
        if let Some(micros) = self.replay.as_ref().filter(|_| self.is_by_hand) {
            return Time(micros.load(Ordering::Acquire));
        }
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Time(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    /// Whether this clock moves by command.
    pub fn is_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// Moves a replay clock forward.
    pub fn advance_to(&self, to: Time) -> Result<(), ClockError> {
        let micros = self.replay.as_ref().ok_or(ClockError::NotReplay)?;
        let now = Time(micros.fetch_max(to.0, Ordering::AcqRel));
        if now > to {
            Err(ClockError::Backwards { now, to })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_read_and_printed() {
        let time: Time = "2013-01-31".parse().unwrap();
        assert_eq!(time.to_string(), "2013-01-31T00:00:00Z");
        assert_eq!("2013-01-31T00:00:00Z".parse(), Ok(time));
        assert_eq!(
            (time + Duration::from_days(1)).to_string(),
            "2013-02-01T00:00:00Z"
        );
        assert_eq!("1d".parse::<Duration>(), Ok(Duration::from_hours(24)));
        assert_eq!("1.5h".parse::<Duration>().unwrap().to_string(), "90m");
        for bad in ["", "1", "d", "1y", "1e400d"] {
            assert!(bad.parse::<Duration>().is_err(), "{bad}");
        }
        assert!("yesterday".parse::<Time>().is_err());
    }

    #[test]
    fn floor_is_right_before_the_epoch_too() {
        let day = Duration::from_days(1);
        assert_eq!(
            Time::from_micros(-1).floor(day),
            Time::from_micros(-86_400_000_000)
        );
        assert_eq!(Time::from_micros(5).floor(day), Time::from_micros(0));
    }

    #[test]
    fn only_a_replay_clock_moves_and_only_forward() {
        let clock = Clock::replay(Time::from_micros(10));
        assert!(clock.advance_to(Time::from_micros(20)).is_ok());
        assert_eq!(clock.now(), Time::from_micros(20));
        assert!(matches!(
            clock.advance_to(Time::from_micros(15)),
            Err(ClockError::Backwards { .. })
        ));
        assert_eq!(clock.now(), Time::from_micros(20));
        assert_eq!(
            Clock::system().advance_to(Time::MAX),
            Err(ClockError::NotReplay)
        );
    }
}
