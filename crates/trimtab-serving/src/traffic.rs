//! Who answers: one champion, at most one canary with a weight, at most one shadow.

use serde::{Deserialize, Serialize};
use trimtab_types::RevisionId;

/// The weight of all requests: weights count in ten-thousandths.
pub const FULL_WEIGHT: u32 = 10_000;

/// The traffic of an endpoint. The champion gets what the canary does not, so that shares always sum to one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Who answers.
    pub champion: Option<RevisionId>,
    /// Who answers some, and how many of 10,000.
    pub canary: Option<(RevisionId, u32)>,
    /// Who is asked everything and answers no one.
    pub shadow: Option<RevisionId>,
    /// What makes the assignment of one rollout independent of the next.
    pub salt: String,
    /// Counts changes.
    pub generation: i64,
}

impl Traffic {
    /// Who answers a request with that assignment key. While the salt stays, a key that the canary answered stays
    /// with it as its weight grows: the key's place is fixed, only the border moves.
    pub fn assign(&self, key: &str) -> Option<RevisionId> {
        match self.canary {
            Some((canary, weight)) if place(&self.salt, key) < weight => Some(canary),
            Some(_) | None => self.champion,
        }
    }

    /// Who else is asked when `answering` answers, to compare: all others of champion, canary and shadow.
    pub fn compared(&self, answering: RevisionId) -> impl Iterator<Item = RevisionId> {
        let others = if self.canary.is_some() || self.shadow.is_some() {
            [
                self.champion,
                self.canary.map(|(canary, _)| canary),
                self.shadow,
            ]
        } else {
            [None; 3]
        };
        others
            .into_iter()
            .flatten()
            .filter(move |other| *other != answering)
    }

    /// Everyone who gets requests.
    pub fn revisions(&self) -> impl Iterator<Item = RevisionId> {
        [
            self.champion,
            self.canary.map(|(canary, _)| canary),
            self.shadow,
        ]
        .into_iter()
        .flatten()
    }

    /// Whether both say the same, whatever their generations.
    pub fn is_same(&self, other: &Self) -> bool {
        let Self {
            champion,
            canary,
            shadow,
            salt,
            generation: _,
        } = self;
        *champion == other.champion
            && *canary == other.canary
            && *shadow == other.shadow
            && *salt == other.salt
    }

    /// What is wrong with this traffic as such, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match (self.champion, self.canary, self.shadow) {
            (None, Some(_), _) | (None, _, Some(_)) => {
                Some("a canary or shadow needs a champion to be compared with")
            }
            (_, Some((_, weight)), _) if weight > FULL_WEIGHT => {
                Some("the canary's weight is above 10,000")
            }
            (Some(champion), Some((canary, _)), _) if champion == canary => {
                Some("champion and canary are the same revision")
            }
            (Some(champion), _, Some(shadow)) if champion == shadow => {
                Some("champion and shadow are the same revision")
            }
            (_, Some((canary, _)), Some(shadow)) if canary == shadow => {
                Some("canary and shadow are the same revision")
            }
            _ => None,
        }
    }
}

/// The place of a key among 10,000, fixed by the salt.
fn place(salt: &str, key: &str) -> u32 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt.as_bytes());
    hasher.update(&[0]);
    hasher.update(key.as_bytes());
    let hash = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    // The remainder is below 10,000; the modulo's bias is below 10^-15.
    u32::try_from(u64::from_le_bytes(first) % u64::from(FULL_WEIGHT)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn traffic(salt: &str, weight: u32) -> Traffic {
        Traffic {
            champion: Some(RevisionId::from_bytes([1; 16])),
            canary: Some((RevisionId::from_bytes([2; 16]), weight)),
            shadow: None,
            salt: salt.to_owned(),
            generation: 0,
        }
    }

    proptest! {
        #[test]
        fn a_unit_never_moves_back_as_the_weight_grows(
            salt in ".{0,20}", key in ".{0,40}", low in 0..=FULL_WEIGHT, more in 0..=FULL_WEIGHT,
        ) {
            let high = (low + more).min(FULL_WEIGHT);
            let (before, after) = (traffic(&salt, low), traffic(&salt, high));
            let canary = before.canary.unwrap().0;
            if before.assign(&key) == Some(canary) {
                prop_assert_eq!(after.assign(&key), Some(canary));
            }
            prop_assert_eq!(traffic(&salt, 0).assign(&key), before.champion);
            prop_assert_eq!(traffic(&salt, FULL_WEIGHT).assign(&key), Some(canary));
        }

        #[test]
        fn every_request_has_one_answer_and_all_others_are_compared(key in ".{0,40}", weight in 0..=FULL_WEIGHT) {
            let mut traffic = traffic("s", weight);
            traffic.shadow = Some(RevisionId::from_bytes([3; 16]));
            let answering = traffic.assign(&key).unwrap();
            let mut all: Vec<_> = traffic.compared(answering).collect();
            all.push(answering);
            all.sort();
            let mut expected: Vec<_> = traffic.revisions().collect();
            expected.sort();
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn shares_are_what_the_weight_says() {
        let traffic = traffic("rollout", 1_000);
        let canary = traffic.canary.unwrap().0;
        let hits = (0..100_000)
            .filter(|n| traffic.assign(&format!("flight-{n}")) == Some(canary))
            .count();
        assert!((9_600..10_400).contains(&hits), "{hits}");
    }
}
