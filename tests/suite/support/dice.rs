//! Choices that come out the same in every run.

use gatekey::domain::entropy::Entropy;

use super::entropy::SeededEntropy;

pub struct Dice(pub SeededEntropy);

impl Dice {
    pub fn new(seed: &str) -> Self {
        Self(SeededEntropy::new(seed))
    }

    pub fn below(&self, bound: i64) -> i64 {
        let mut bytes = [0u8; 4];
        self.0.fill(&mut bytes);
        i64::from(u32::from_le_bytes(bytes)) % bound
    }

    pub fn one_in(&self, bound: i64) -> bool {
        self.below(bound) == 0
    }

    pub fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize]
    }
}
