//! Examples with something done to them.

use std::fmt::Debug;

use bolero::{Driver, ValueGenerator, produce};

use crate::edit::Edit;

/// Most edits of one input: few, or nothing of the example is left.
const MOST_EDITS: usize = 6;

/// Draws one of the examples and edits it; sometimes not at all, and sometimes there is nothing but what was drawn.
#[derive(Clone, Copy, Debug)]
pub struct Near<T: 'static> {
    examples: &'static [T],
}

/// Text near `examples`. What is not UTF-8 after the edits is made so, as the decoders of text never see anything else.
#[must_use]
pub const fn text_near(examples: &'static [&'static str]) -> Near<&'static str> {
    Near { examples }
}

/// Bytes near `examples`.
#[must_use]
pub const fn bytes_near(examples: &'static [&'static [u8]]) -> Near<&'static [u8]> {
    Near { examples }
}

fn edited<D: Driver>(example: Option<&[u8]>, driver: &mut D) -> Option<Vec<u8>> {
    let mut bytes = example.unwrap_or_default().to_vec();
    let edits = produce::<Vec<Edit>>()
        .with()
        .len(0..=MOST_EDITS)
        .generate(driver)?;
    edits.iter().for_each(|edit| edit.apply(&mut bytes));
    Some(bytes)
}

/// One of `examples`, and one time in many none.
fn drawn<T: Copy, D: Driver>(examples: &[T], driver: &mut D) -> Option<Option<T>> {
    let place = usize::from(driver.produce::<u8>()?);
    Some(examples.get(place % (examples.len() + 1)).copied())
}

impl ValueGenerator for Near<&'static str> {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        let example = drawn(self.examples, driver)?;
        let bytes = edited(example.map(str::as_bytes), driver)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl ValueGenerator for Near<&'static [u8]> {
    type Output = Vec<u8>;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Vec<u8>> {
        let example = drawn(self.examples, driver)?;
        edited(example, driver)
    }
}
