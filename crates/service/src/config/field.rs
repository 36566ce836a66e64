//! The field table: what is written once about a field, its struct, its default, its limits and its documentation,
//! all come from.
//!
//! To add a field, add one line to its section's file. It then has a place in the file, an environment variable, a
//! row in `docs/CONFIG.md`, a property in the schema, and its faults are reported with the others.

use std::ops::RangeInclusive;

use super::setting::Setting;

/// A group of fields under one name.
pub(crate) trait Section: Default {
    /// Shows every section and field to `visitor`, in the order of declaration.
    fn visit<V: Visitor>(&mut self, visitor: &mut V);
}

/// Something done to every field: reading, printing, documenting it.
pub(crate) trait Visitor {
    /// A section begins. `path` is `worker.http_call`, or empty at the root.
    fn section(&mut self, path: &'static str, doc: &'static [&'static str]);

    /// A field of the section that began last. `value` is what the field holds.
    fn field<T: Setting>(&mut self, field: Field<T>, value: &mut T);
}

/// What is declared of a field, beside its type and default.
pub(crate) struct Field<T> {
    /// Section and name: `worker.pool_size`.
    pub(crate) path: &'static str,
    /// Its documentation, by line.
    pub(crate) doc: &'static [&'static str],
    /// What values it may have, if its type allows more.
    pub(crate) bounds: Option<Bounds<T>>,
}

/// An inclusive range of values. Does not bind an optional field that is unset.
pub(crate) struct Bounds<T> {
    range: RangeInclusive<T>,
    // Kept as a function so that only types that are given bounds need an order.
    contains: fn(&RangeInclusive<T>, &T) -> bool,
}

impl<T: Setting> Bounds<T> {
    /// Whether `value` may be taken.
    pub(crate) fn allow(&self, value: &T) -> bool {
        value.show().is_none() || (self.contains)(&self.range, value)
    }

    /// The least and the greatest value, as written in a file.
    pub(crate) fn ends(&self) -> Option<(toml::Value, toml::Value)> {
        Some((self.range.start().show()?, self.range.end().show()?))
    }
}

impl<T: PartialOrd> From<RangeInclusive<T>> for Bounds<T> {
    fn from(range: RangeInclusive<T>) -> Self {
        Self {
            range,
            contains: |range, value| range.contains(value),
        }
    }
}

/// Declares a section: `/// doc`, `name: Type = default;`, and optionally `, in least..=greatest`.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        pub struct $Section:ident at $path:literal {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $Type:ty = $default:expr $(, in $range:expr)?;
            )*
        }
        $(
            nesting {
                $(
                    $(#[doc = $nested_doc:literal])*
                    $nested:ident: $Nested:ty;
                )*
            }
        )?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        pub struct $Section {
            $(
                $(#[doc = $doc])*
                pub $field: $Type,
            )*
            $($(
                $(#[doc = $nested_doc])*
                pub $nested: $Nested,
            )*)?
        }

        impl Default for $Section {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    $($($nested: <$Nested>::default(),)*)?
                }
            }
        }

        impl $crate::config::field::Section for $Section {
            fn visit<V: $crate::config::field::Visitor>(&mut self, visitor: &mut V) {
                visitor.section($path, &[$($about),*]);
                $(
                    let field = $crate::config::field::Field {
                        path: concat!($path, ".", stringify!($field)),
                        doc: &[$($doc),*],
                        bounds: $crate::config::field::section!(@bounds $($range)?),
                    };
                    visitor.field(field, &mut self.$field);
                )*
                $($( $crate::config::field::Section::visit(&mut self.$nested, visitor); )*)?
            }
        }
    };
    (@bounds) => { None };
    (@bounds $range:expr) => { Some($crate::config::field::Bounds::from($range)) };
}

pub(crate) use section;
