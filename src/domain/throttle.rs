//! How often something may go wrong before the next try has to wait.

use chrono::TimeDelta;

/// So many tries at once, and one more for each `wait` that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least 1: nothing is ever locked for good.
    pub burst: u32,
    pub wait: TimeDelta,
}

impl Rate {
    /// What so many may together that may each as often as this.
    pub fn times(self, many: u32) -> Self {
        let many = many.max(1);
        Self { burst: self.burst.saturating_mul(many), wait: self.wait / i32::try_from(many).unwrap_or(i32::MAX) }
    }
}

/// The name of what is counted: a keyed digest, so that the database does not tell which names were tried from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey(pub [u8; 32]);
