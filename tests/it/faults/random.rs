//! Choices that a seed repeats.

/// SplitMix64: small, fast, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator, for the `number`th of several who choose side by side.
    pub fn fork(&self, number: u64) -> Self {
        let mut mixed = Self(self.0 ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self(mixed.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of `choices`; none when there are none.
    pub fn pick<'c, T>(&mut self, choices: &'c [T]) -> Option<&'c T> {
        let count = u64::try_from(choices.len()).unwrap();
        (count > 0).then(|| &choices[self.below(count) as usize])
    }

    /// The `size` bytes of `seed`.
    pub fn bytes(seed: u64, size: usize) -> Vec<u8> {
        let mut random = Self::new(seed);
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    }
}

/// The seed of this run: `CLOAKROOM_FAULTS_SEED`, or a new one.
pub fn seed() -> u64 {
    let seed = match std::env::var("CLOAKROOM_FAULTS_SEED") {
        Ok(seed) => seed.parse().expect("CLOAKROOM_FAULTS_SEED is a number"),
        Err(_) => u64::from_le_bytes(cloakroom::random::bytes()) >> 32,
    };
    eprintln!("CLOAKROOM_FAULTS_SEED={seed}");
    seed
}
