//! Where messages begin and end in the bytes of a call.

use super::fields::{Fields, Levels, TooMany};

/// Whether a message is packed, and its length.
const HEAD: usize = 5;

/// How far the messages of one call have come.
#[derive(Debug)]
pub(super) struct Messages {
    head: [u8; HEAD],
    /// Bytes that came of the message that is not whole, its head among them.
    begun: u64,
    levels: Levels,
    fields: Fields,
    largest: u64,
}

impl Messages {
    /// Of which the fields on these levels are counted.
    pub(super) fn new(levels: Levels) -> Self {
        Self {
            head: [0; HEAD],
            begun: 0,
            levels,
            fields: Fields::new(levels),
            largest: 0,
        }
    }

    /// Follows `bytes`, the next ones to come.
    ///
    /// # Errors
    /// When a message has more fields than any request.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            for slot in self.head.iter_mut().skip(index(self.begun)) {
                let Some((byte, rest)) = bytes.split_first() else {
                    return Ok(());
                };
                (*slot, bytes) = (*byte, rest);
                self.begun += 1;
            }
            let [_, length @ ..] = self.head;
            let whole = HEAD as u64 + u64::from(u32::from_be_bytes(length));
            let (part, rest) = bytes.split_at(index(whole - self.begun).min(bytes.len()));
            self.begun += u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.largest = self.largest.max(self.begun);
            self.fields.pass(part)?;
            if self.begun == whole {
                (self.begun, self.fields) = (0, Fields::new(self.levels));
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Most bytes of one message that came. A message that is whole counts until the call ends: only then is it given to who
    /// answers it.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Levels, Messages};

    fn message(length: u8) -> Vec<u8> {
        [vec![0, 0, 0, 0, length], vec![7; usize::from(length)]].concat()
    }

    #[test]
    fn wherever_the_bytes_are_cut_the_largest_message_is_found() {
        let bytes = [message(3), message(0), message(200), message(20)].concat();
        for step in 1..bytes.len() {
            let mut messages = Messages::new(Levels::One);
            for part in bytes.chunks(step) {
                messages.pass(part).unwrap();
            }
            assert_eq!((messages.largest(), messages.begun), (205, 0), "{step}");
        }
    }

    #[test]
    fn what_has_come_counts_and_not_what_was_announced() {
        let mut messages = Messages::new(Levels::One);
        messages.pass(&[0, 0xff, 0xff, 0xff, 0xff]).unwrap();
        assert_eq!(messages.largest(), 5);
        messages.pass(&[7; 100]).unwrap();
        assert_eq!(messages.largest(), 105);
    }
}
