//! One of a few words.

/// Declares an enum whose values are words in a file: `Name = "word"`.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        pub enum $Choice:ident {
            $( $(#[doc = $doc:literal])* $Name:ident = $word:literal, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $Choice {
            $( $(#[doc = $doc])* $Name, )*
        }

        impl $Choice {
            const WORDS: &'static [&'static str] = &[$($word),*];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$Name => $word, )*
                }
            }
        }

        impl $crate::config::setting::Setting for $Choice {
            fn kind() -> String {
                Self::expects()
            }

            fn expects() -> String {
                format!("one of {}", Self::WORDS.join(", "))
            }

            fn read(value: &::config::Value) -> Option<Self> {
                match value.kind {
                    ::config::ValueKind::String(ref text) => match text.trim().to_ascii_lowercase().as_str() {
                        $( $word => Some(Self::$Name), )*
                        _ => None,
                    },
                    _ => None,
                }
            }

            fn show(&self) -> Option<toml::Value> {
                Some(toml::Value::String(self.as_str().to_owned()))
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": Self::WORDS})
            }
        }
    };
}

pub(crate) use choice;
