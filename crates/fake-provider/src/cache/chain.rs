use xxhash_rust::xxh3::Xxh3;

/// Blocks, each of which has a key of itself, all before it, and all else the prefix depends on.
#[derive(Clone)]
pub(super) struct Chain {
    hasher: Xxh3,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    key: u128,
    /// Of this block and all before it.
    tokens: u64,
}

impl Chain {
    pub(super) fn new() -> Self {
        Self { hasher: Xxh3::new(), blocks: Vec::new() }
    }

    pub(super) fn depend_on(&mut self, text: &str) {
        // The length keeps "ab", "c" and "a", "bc" apart.
        self.hasher.update(&text.len().to_le_bytes());
        self.hasher.update(text.as_bytes());
    }

    /// Adds a block, and says how many there are now.
    pub(super) fn push(&mut self, content: &str, tokens: u64) -> usize {
        self.depend_on(content);
        let tokens = self.tokens().saturating_add(tokens);
        self.blocks.push(Block { key: self.hasher.digest128(), tokens });
        self.blocks.len()
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn tokens(&self) -> u64 {
        self.tokens_until(self.len())
    }

    /// The tokens of the first `end` blocks.
    pub(super) fn tokens_until(&self, end: usize) -> u64 {
        self.last_of(end).map_or(0, |block| block.tokens)
    }

    /// The key of the first `end` blocks, of which there is at least one.
    pub(super) fn key(&self, end: usize) -> Option<u128> {
        self.last_of(end).map(|block| block.key)
    }

    fn last_of(&self, end: usize) -> Option<Block> {
        self.blocks.get(end.checked_sub(1)?).copied()
    }
}
