//! Numbers for tests that try many inputs.

/// Xorshift: the same numbers every time.
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }

    /// `seed` with one to four things changed, some of them to what `words` say.
    pub fn mutated(&mut self, seed: &[u8], words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(3) {
            let (at, word) = (self.below(bytes.len() + 1), words[self.below(words.len())]);
            let to = (at + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => drop(bytes.splice(at..to, word.iter().copied())),
                3 => drop(bytes.splice(at..at, word.repeat(self.below(5)))),
                4 => {
                    let copy = bytes[at..to].to_vec();
                    let elsewhere = self.below(bytes.len() + 1);
                    bytes.splice(elsewhere..elsewhere, copy);
                }
                _ => drop(bytes.drain(at..to)),
            }
        }
        bytes
    }

    /// Mostly small, rarely large.
    pub fn size(&mut self, small: usize, large: usize) -> usize {
        let most = if self.below(60) == 0 { large } else { small };
        1 + self.below(most)
    }

    pub fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}
