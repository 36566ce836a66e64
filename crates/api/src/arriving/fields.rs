//! How many fields a message has, counted before it is decoded.
//!
//! An empty job takes two bytes on its way and three hundred once it is decoded: of sixteen megabytes of them came gigabytes, before
//! anybody could say that a batch has a thousand jobs at most. All that can be repeated in a request is repeated in it or in a job
//! that is directly in it, so the fields of these two levels are counted, whatever they mean.

/// The largest batch, each job with all that it can have, has two thirds of it.
pub(super) const MOST: u32 = 128 << 10;

/// More fields than any request has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Where fields are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Levels {
    /// In the message.
    One,
    /// In the message, and in the messages in it.
    Two,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum Next {
    Tag,
    Length,
    Number,
    /// Nothing to look at, up to this position.
    Skipped(u64),
}

/// Follows the bytes of one message. Nothing is refused for being no message: that is the decoder's to find.
#[derive(Debug)]
pub(super) struct Fields {
    levels: Levels,
    count: u32,
    at: u64,
    next: Next,
    /// The number that is being read, and how many bits of it were.
    number: u64,
    bits: u32,
    /// Where the field ends that is being looked into, if it is one of the message itself.
    inside: Option<u64>,
}

impl Fields {
    /// None came yet.
    pub(super) fn new(levels: Levels) -> Self {
        Self {
            levels,
            count: 0,
            at: 0,
            next: Next::Tag,
            number: 0,
            bits: 0,
            inside: None,
        }
    }

    /// Follows `bytes`, the next ones to come.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.inside.is_some_and(|end| self.at >= end) {
                (self.inside, self.next, self.number, self.bits) = (None, Next::Tag, 0, 0);
            }
            if let Next::Skipped(end) = self.next {
                let left = usize::try_from(end - self.at).unwrap_or(usize::MAX);
                let (skipped, rest) = bytes.split_at(left.min(bytes.len()));
                bytes = rest;
                self.at += u64::try_from(skipped.len()).unwrap_or(u64::MAX);
                if self.at == end {
                    self.next = Next::Tag;
                }
            } else {
                bytes = rest;
                self.at += 1;
                self.read(*byte)?;
            }
        }
        Ok(())
    }

    /// Takes one more byte of a number, and goes on from it when it was the last.
    fn read(&mut self, byte: u8) -> Result<(), TooMany> {
        if self.bits < u64::BITS {
            self.number |= u64::from(byte & 0x7f) << self.bits;
        }
        self.bits += 7;
        if byte & 0x80 != 0 && self.bits < 70 {
            return Ok(());
        }
        let number = std::mem::take(&mut self.number);
        self.bits = 0;
        self.next = match self.next {
            Next::Tag => {
                self.count += 1;
                if self.count > MOST {
                    return Err(TooMany);
                }
                match number & 7 {
                    0 => Next::Number,
                    1 => self.skip(8),
                    2 => Next::Length,
                    // The beginning and the end of a group: what is between them is fields, too.
                    3 | 4 => Next::Tag,
                    5 => self.skip(4),
                    _ => self.skip(u64::MAX),
                }
            }
            Next::Length if self.levels == Levels::Two && self.inside.is_none() => {
                self.inside = Some(self.at.saturating_add(number));
                Next::Tag
            }
            Next::Length => self.skip(number),
            Next::Number | Next::Skipped(_) => Next::Tag,
        };
        Ok(())
    }

    fn skip(&self, bytes: u64) -> Next {
        match self.at.saturating_add(bytes).min(self.inside.unwrap_or(u64::MAX)) {
            end if end == self.at => Next::Tag,
            end => Next::Skipped(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use scheduler_domain::limits::{MAX_BATCH, MAX_LABELS};
    use scheduler_proto::v1;

    use super::{Fields, Levels, MOST, TooMany};

    fn count(bytes: &[u8], step: usize) -> Result<u32, TooMany> {
        let mut fields = Fields::new(Levels::Two);
        for part in bytes.chunks(step) {
            fields.pass(part)?;
        }
        Ok(fields.count)
    }

    fn batch(jobs: usize, labels: usize) -> Vec<u8> {
        let job = v1::Job {
            r#type: "noop".to_owned(),
            payload_json: "{\"\\u0008\": \"\u{8}\u{10}\"}".to_owned(),
            priority: 3,
            max_attempts: 300,
            timeout: Some(prost_types::Duration::default()),
            labels: (0..labels).map(|n| (n.to_string(), "x".repeat(200))).collect(),
            ..v1::Job::default()
        };
        v1::BatchSubmitJobsRequest {
            jobs: vec![job; jobs],
        }
        .encode_to_vec()
    }

    #[test]
    fn the_fields_of_two_levels_are_counted_wherever_the_bytes_are_cut() {
        let bytes = batch(3, 5);
        for step in 1..bytes.len() {
            assert_eq!(count(&bytes, step), Ok(3 * (1 + 5 + 5)), "{step}");
        }
    }

    #[test]
    fn what_is_in_a_text_is_not_looked_at() {
        // Two of its letters look like a field.
        let text = [&[0x0a, 0x80, 0x80, 0x80, 0x01][..], &[b'x'; 1 << 21]].concat();
        let mut fields = Fields::new(Levels::One);
        assert_eq!(fields.pass(&text), Ok(()));
        assert_eq!(fields.count, 1);
    }

    #[test]
    fn the_largest_batch_is_taken() {
        let bytes = batch(MAX_BATCH, MAX_LABELS);
        assert!(count(&bytes, 16 << 10).is_ok_and(|count| count < MOST / 3 * 2));
    }

    #[test]
    fn what_is_repeated_without_end_is_refused_at_either_level_and_in_groups() {
        let many = usize::try_from(MOST).unwrap() + 1;
        let empty = [0x0a, 0].repeat(many);
        assert_eq!(count(&empty, 1 << 14), Err(TooMany));
        let length = u32::try_from(empty.len()).unwrap();
        let mut inside = vec![0x0a];
        prost::encoding::encode_varint(u64::from(length), &mut inside);
        assert_eq!(count(&[inside, empty].concat(), 1 << 14), Err(TooMany));
        assert_eq!(count(&[0x0b].repeat(many), 1 << 14), Err(TooMany));
        assert_eq!(count(&[8, 1].repeat(many), 1 << 14), Err(TooMany));
    }

    #[test]
    fn what_is_no_message_is_left_to_the_decoder() {
        // A wire type that there is not, in a field and then outside: nothing of what follows is looked at.
        assert_eq!(count(&[0x0a, 3, 0x0f, 8, 1, 8, 1, 0x0f, 8, 1], 1), Ok(4));
        // A number without end, and lengths past the end.
        assert!(count(&[0xff; 1_000], 7).is_ok());
        let endless = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(count(&[endless, endless].concat(), 3).is_ok());
    }
}
