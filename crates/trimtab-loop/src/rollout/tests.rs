use proptest::prelude::*;

use super::*;

fn guardrail(verdict: Verdict) -> Guardrail {
    Guardrail {
        name: "quality".to_owned(),
        metric: "loss".to_owned(),
        estimate: 0.0,
        low: 0.0,
        high: 0.0,
        bound: 0.0,
        n: 1,
        verdict,
    }
}

fn rollout(first: bool, skip_shadow: bool) -> Rollout {
    let arm = |version| Arm {
        revision: RevisionId::new(),
        version,
    };
    let from = (!first).then(|| arm(1));
    let cause = Cause::Person {
        name: "ada".to_owned(),
    };
    let endpoint = "flights".parse().unwrap();
    let policy = RolloutPolicy::default();
    let arms = (from, arm(2));
    let now = Time::from_micros(0);
    Rollout::new(
        RolloutId::new(),
        PlanId::new(),
        endpoint,
        cause,
        arms,
        &policy,
        skip_shadow,
        now,
    )
}

/// What the controller does, without the services.
fn carry_out(rollout: &mut Rollout, step: Move, now: Time) {
    match step {
        Move::Stay => {}
        Move::Enter(index) => rollout.enter(index, now),
        Move::Promote => match rollout.bake_index() {
            Some(index) => rollout.enter(index, now),
            None => rollout.end(RolloutState::Promoted, String::new(), now),
        },
        Move::Finish => rollout.end(RolloutState::Promoted, String::new(), now),
        Move::RollBack { state, reason } => rollout.end(state, reason, now),
    }
}

#[test]
fn a_good_candidate_goes_through_every_step_and_is_promoted() {
    let mut rollout = rollout(false, false);
    let mut weights = Vec::new();
    for hour in 0..24 * 14 {
        let now = Time::from_micros(0) + Duration::from_hours(hour);
        let step = rollout.decide(now);
        carry_out(&mut rollout, step, now);
        rollout.guardrails = vec![guardrail(Verdict::Promote)];
        weights.push(rollout.weight());
    }
    weights.dedup();
    assert_eq!(weights, [0, 500, 2_500, 5_000, 10_000]);
    assert_eq!(rollout.state, RolloutState::Promoted);
}

#[test]
fn the_first_revision_is_promoted_at_once() {
    assert_eq!(
        rollout(true, false).decide(Time::from_micros(0)),
        Move::Promote
    );
}

#[test]
fn without_gate_it_enters_at_the_first_canary_step_and_a_guardrail_sends_it_back_from_there() {
    let mut rollout = rollout(false, true);
    let step = rollout.decide(Time::from_micros(0));
    carry_out(&mut rollout, step, Time::from_micros(0));
    assert_eq!(rollout.weight(), 500);
    rollout.guardrails = vec![guardrail(Verdict::RollBack)];
    let later = Time::from_micros(0) + Duration::from_hours(30);
    let step = rollout.decide(later);
    assert!(matches!(
        step,
        Move::RollBack {
            state: RolloutState::RolledBack,
            ..
        }
    ));
    carry_out(&mut rollout, step, later);
    assert_eq!(rollout.weight(), 0);
}

#[test]
fn an_undecided_rollout_keeps_the_champion_at_its_time_limit() {
    let mut rollout = rollout(false, false);
    let mut now = Time::from_micros(0);
    while !rollout.state.is_ended() {
        let step = rollout.decide(now);
        carry_out(&mut rollout, step, now);
        rollout.guardrails = vec![guardrail(Verdict::Hold)];
        now = now + Duration::from_hours(1);
    }
    assert_eq!(rollout.state, RolloutState::Inconclusive);
    assert_eq!(rollout.weight(), 0);
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    use Verdict::{Hold, Invalid, Promote, Recorded, RollBack, TooFew};
    prop_oneof![
        8 => Just(Promote),
        4 => Just(Hold),
        1 => Just(RollBack),
        1 => Just(TooFew),
        1 => Just(Invalid),
        1 => Just(Recorded),
    ]
}

proptest! {
    /// Whatever the guardrails say and in whatever order: the share only grows, it falls only to zero at an end,
    /// nothing is promoted past a guardrail that says roll back, and every rollout ends.
    #[test]
    fn any_interleaving_ends_safe(verdicts in prop::collection::vec(any_verdict(), 1..40), skip in any::<bool>()) {
        let mut rollout = rollout(false, skip);
        let mut now = Time::from_micros(0);
        let mut last = 0;
        for verdict in verdicts.iter().cycle().take(400) {
            let step = rollout.decide(now);
            let is_promotion = matches!(step, Move::Promote | Move::Enter(_));
            let says_roll_back = rollout.guardrails.iter().any(|g| g.verdict == Verdict::RollBack);
            prop_assert!(!(is_promotion && says_roll_back));
            carry_out(&mut rollout, step, now);
            let weight = rollout.weight();
            prop_assert!(weight >= last || (weight == 0 && rollout.state.is_ended()));
            last = weight;
            if rollout.state.is_ended() {
                break;
            }
            rollout.guardrails = vec![guardrail(*verdict)];
            now = now + Duration::from_hours(6);
        }
        prop_assert!(rollout.state.is_ended());
        prop_assert_eq!(rollout.weight(), if rollout.state == RolloutState::Promoted { 10_000 } else { 0 });
    }
}
