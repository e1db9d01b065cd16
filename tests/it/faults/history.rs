//! What was done to one thing, step by step, and what may therefore be the case.

use std::{collections::BTreeSet, fmt::Debug, time::SystemTime};

#[derive(Clone, Debug)]
struct Step<S> {
    becomes: S,
    attempted: SystemTime,
    acknowledged: Option<SystemTime>,
}

/// What was done to one thing, in order.
#[derive(Clone, Debug)]
pub struct History<S>(Vec<Step<S>>);

impl<S: Copy + Debug + Default + Ord> Default for History<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: Copy + Debug + Default + Ord> History<S> {
    pub fn attempt(&mut self, becomes: S) {
        self.0.push(Step {
            becomes,
            attempted: SystemTime::now(),
            acknowledged: None,
        });
    }

    pub fn acknowledge(&mut self) {
        self.0.last_mut().unwrap().acknowledged = Some(SystemTime::now());
    }

    /// How many steps there were.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Ends all doubt: this is what a server was seen to have.
    pub fn settle(&mut self, seen: S) {
        if self.certain() != Some(seen) {
            self.attempt(seen);
            self.acknowledge();
        }
    }

    /// What may be the case: what was acknowledged last, and what was attempted after it.
    pub fn possible(&self) -> BTreeSet<S> {
        let mut possible = BTreeSet::from([S::default()]);
        for step in &self.0 {
            if step.acknowledged.is_some() {
                possible.clear();
            }
            possible.insert(step.becomes);
        }
        possible
    }

    /// What is the case, unless that is in doubt.
    pub fn certain(&self) -> Option<S> {
        let possible = self.possible();
        (possible.len() == 1).then(|| possible.into_iter().next())?
    }

    /// When something was acknowledged.
    pub fn acknowledgements(&self) -> impl Iterator<Item = SystemTime> {
        self.0.iter().filter_map(|step| step.acknowledged)
    }

    /// Without later answers than `known`, and later requests than `begun`.
    pub fn as_of(&self, known: SystemTime, begun: SystemTime) -> Self {
        let steps = self.0.iter().filter(|step| step.attempted <= begun);
        let known = steps.map(|step| Step {
            acknowledged: step.acknowledged.filter(|at| *at <= known),
            ..step.clone()
        });
        Self(known.collect())
    }
}
