//! Keys and values in blocks of a fixed number of tokens, counted by reference, and the sequences that are
//! lists of them. Knows who shares what; not what a key is.

use crate::compute::Zeroed;
use crate::error::Result;
use crate::kernel::{KV_BLOCK, Kernels, KvLayout};
use crate::model::Sequence;
use std::sync::Arc;

/// Keys and values of [`KV_BLOCK`] tokens in every layer: f16 bits. Sequences share it by cloning; only its
/// sole user may write it.
pub(super) struct Block(Arc<Zeroed<u16>>);

impl AsRef<[u16]> for Block {
    fn as_ref(&self) -> &[u16] {
        &self.0
    }
}

impl Block {
    /// The block to be written, unless it is shared.
    fn sole(&mut self) -> Option<&mut [u16]> {
        Arc::get_mut(&mut self.0).map(|memory| &mut **memory)
    }
}

/// The memory of all blocks of a decoder.
pub(super) struct Blocks {
    /// What a block holds.
    pub(super) layout: KvLayout,
    /// Blocks without a user, kept until a trim.
    free: Vec<Block>,
    /// Blocks whose memory is held, used or not.
    held: usize,
}

impl Blocks {
    /// No block yet.
    pub(super) fn new(layout: KvLayout) -> Self {
        Self { layout, free: Vec::new(), held: 0 }
    }

    /// Bytes of one block.
    pub(super) fn block_bytes(&self) -> u64 {
        self.layout.block_len() as u64 * 2
    }

    /// Bytes of all blocks, used or not.
    pub(super) fn bytes(&self) -> u64 {
        self.held as u64 * self.block_bytes()
    }

    /// Bytes that taking `count` more blocks would add.
    pub(super) fn growth(&self, count: usize) -> u64 {
        count.saturating_sub(self.free.len()) as u64 * self.block_bytes()
    }

    /// A block with one user; contents unspecified.
    fn take(&mut self) -> Result<Block> {
        if let Some(block) = self.free.pop() {
            return Ok(block);
        }
        // So that a release never allocates.
        self.free.try_reserve(self.held + 1)?;
        let data = Zeroed::new(self.layout.block_len())?;
        self.held += 1;
        Ok(Block(Arc::new(data)))
    }

    /// One user less; the last one gives the block back.
    fn release(&mut self, mut block: Block) {
        if block.sole().is_some() {
            self.free.push(block);
        }
    }

    /// A copy of the first `tokens` tokens of a block.
    fn copy(&mut self, from: &Block, tokens: usize) -> Result<Block> {
        let mut twin = self.take()?;
        if let Some(to) = twin.sole() {
            self.layout.copy(from.as_ref(), to, tokens);
        }
        Ok(twin)
    }

    /// Gives the memory of unused blocks back.
    pub(super) fn trim(&mut self) {
        self.held -= self.free.len();
        self.free.clear();
    }
}

/// One sequence: its tokens' keys and values, block by block.
pub(super) struct SequenceState {
    /// [`KV_BLOCK`] tokens each; during a pass there is room for its tokens behind `length`.
    pub(super) blocks: Vec<Block>,
    /// Tokens that are committed.
    pub(super) length: usize,
    /// The most tokens it may hold.
    pub(super) context: usize,
    /// Takes part in the pass in progress.
    pub(super) busy: bool,
    /// To be forgotten when that pass is finished.
    pub(super) closing: bool,
}

impl SequenceState {
    /// No tokens, and room for the list of blocks of `context` tokens.
    fn new(context: usize) -> Result<Self> {
        let mut blocks = Vec::new();
        // The whole list at once, so that growing never allocates.
        blocks.try_reserve_exact(context.div_ceil(KV_BLOCK))?;
        Ok(Self { blocks, length: 0, context, busy: false, closing: false })
    }

    /// A sequence that begins with the first `length` tokens of this one and shares their blocks.
    pub(super) fn fork(&self, length: usize) -> Result<Self> {
        let mut twin = Self::new(self.context)?;
        twin.length = length.min(self.length);
        let shared = self.blocks.iter().take(twin.length.div_ceil(KV_BLOCK));
        twin.blocks.extend(shared.map(|block| Block(block.0.clone())));
        Ok(twin)
    }

    /// Keeps the blocks that the first `tokens` tokens need and releases the others.
    pub(super) fn keep(&mut self, tokens: usize, blocks: &mut Blocks) {
        for block in self.blocks.drain(tokens.div_ceil(KV_BLOCK).min(self.blocks.len())..) {
            blocks.release(block);
        }
    }

    /// New blocks that `tokens` more tokens need, a copy of a shared last one included.
    pub(super) fn wants(&self, tokens: usize) -> usize {
        let missing = (self.length + tokens).div_ceil(KV_BLOCK).saturating_sub(self.blocks.len());
        let tail = self.blocks.get(self.length / KV_BLOCK);
        missing + usize::from(tail.is_some_and(|tail| Arc::strong_count(&tail.0) > 1))
    }

    /// Takes the blocks that `tokens` more tokens need, and makes the last, partly filled one its own. After
    /// an error the sequence still holds its tokens.
    pub(super) fn grow(&mut self, tokens: usize, blocks: &mut Blocks) -> Result<()> {
        if let Some(tail) = self.blocks.get_mut(self.length / KV_BLOCK)
            && tail.sole().is_none()
        {
            let twin = blocks.copy(tail, self.length % KV_BLOCK)?;
            blocks.release(std::mem::replace(tail, twin));
        }
        while self.blocks.len() * KV_BLOCK < self.length + tokens {
            self.blocks.push(blocks.take()?);
        }
        Ok(())
    }

    /// Writes keys and values, `(heads, head_dim)` each, of the token at `position` in `layer`.
    pub(super) fn store(
        &mut self,
        (kernels, layout): (&Kernels, &KvLayout),
        layer: usize,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) {
        let block = self.blocks.get_mut(position / KV_BLOCK).and_then(Block::sole);
        let Some(block) = block else { unreachable!("begin made this position the sequence's own") };
        layout.store(kernels, block, (layer, position % KV_BLOCK), keys, values);
    }
}

/// The sequences of a decoder, by index.
#[derive(Default)]
pub(super) struct Sequences {
    slots: Vec<Option<SequenceState>>,
}

impl Sequences {
    /// A new, empty sequence of at most `context` tokens.
    pub(super) fn open(&mut self, context: usize) -> Result<Sequence> {
        self.insert(SequenceState::new(context)?)
    }

    /// Gives a sequence its index: the lowest that is free.
    pub(super) fn insert(&mut self, state: SequenceState) -> Result<Sequence> {
        let index = match self.slots.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                self.slots.try_reserve(1)?;
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(state);
        }
        Ok(Sequence(index as u32))
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<&SequenceState> {
        self.slots.get(sequence.0 as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, sequence: Sequence) -> Option<&mut SequenceState> {
        self.slots.get_mut(sequence.0 as usize)?.as_mut()
    }

    /// Forgets a sequence and releases its blocks.
    pub(super) fn remove(&mut self, sequence: Sequence, blocks: &mut Blocks) {
        let state = self.slots.get_mut(sequence.0 as usize).and_then(Option::take);
        for block in state.into_iter().flat_map(|state| state.blocks) {
            blocks.release(block);
        }
    }
}
