//! What the value of an argument must keep to beyond its type: checked before anything is sent.

use serde_json::{Map, Value};

use super::schema::Kind;

/// What a value must keep to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    /// The least number, and whether it is too small itself.
    min: Option<(f64, bool)>,
    /// The greatest number, and whether it is too great itself.
    max: Option<(f64, bool)>,
    /// A number must be so many of these.
    step: Option<f64>,
    /// Characters of a text, items of a list.
    min_len: Option<u64>,
    max_len: Option<u64>,
    /// The type of the items of a list.
    items: Option<String>,
}

impl Bounds {
    /// What a schema says; `items` is the type of the items of a list.
    pub(super) fn of(schema: &Map<String, Value>, items: Option<&str>) -> Self {
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        let whole = |keys: [&str; 2]| keys.iter().find_map(|k| schema.get(*k).and_then(Value::as_u64));
        // In draft 4 `exclusiveMinimum` is a word about `minimum`, later a number of its own.
        let limit = |plain: &str, exclusive: &str| match schema.get(exclusive) {
            Some(Value::Number(n)) => n.as_f64().map(|n| (n, true)),
            Some(Value::Bool(strict)) => number(plain).map(|n| (n, *strict)),
            _ => number(plain).map(|n| (n, false)),
        };
        Self {
            min: limit("minimum", "exclusiveMinimum"),
            max: limit("maximum", "exclusiveMaximum"),
            step: number("multipleOf").filter(|n| *n > 0.0),
            min_len: whole(["minLength", "minItems"]),
            max_len: whole(["maxLength", "maxItems"]),
            items: items.map(str::to_owned),
        }
    }

    /// In words, if there is anything to be said.
    pub(super) fn words(&self, kind: &Kind) -> Option<String> {
        let mut words = Vec::new();
        words
            .extend(self.min.map(|(n, strict)| if strict { format!("more than {n}") } else { format!("{n} or more") }));
        words
            .extend(self.max.map(|(n, strict)| if strict { format!("less than {n}") } else { format!("{n} at most") }));
        words.extend(self.step.filter(|n| *n != 1.0).map(|n| format!("a multiple of {n}")));
        let what = if matches!(kind, Kind::Text) { "characters" } else { "items" };
        words.extend(self.min_len.filter(|n| *n > 0).map(|n| format!("{n} {what} or more")));
        words.extend(self.max_len.map(|n| format!("{n} {what} at most")));
        (!words.is_empty()).then(|| words.join(", "))
    }

    pub(super) fn number(&self, n: f64) -> Result<(), String> {
        match (self.min, self.max, self.step) {
            (Some((min, strict)), ..) if n < min || (strict && n <= min) => {
                Err(format!("must be {}", if strict { format!("more than {min}") } else { format!("{min} or more") }))
            }
            (_, Some((max, strict)), _) if n > max || (strict && n >= max) => {
                Err(format!("must be {}", if strict { format!("less than {max}") } else { format!("{max} at most") }))
            }
            (.., Some(step)) if ((n / step).round() * step - n).abs() > step * 1e-9 => {
                Err(format!("must be a multiple of {step}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn length(&self, n: usize, what: &str) -> Result<(), String> {
        let n = n as u64;
        match (self.min_len, self.max_len) {
            (Some(min), _) if n < min => Err(format!("must have {min} {what} or more, has {n}")),
            (_, Some(max)) if n > max => Err(format!("must have {max} {what} at most, has {n}")),
            _ => Ok(()),
        }
    }

    /// The items of a list.
    pub(super) fn list(&self, items: &[Value]) -> Result<(), String> {
        self.length(items.len(), "items")?;
        let Some(wanted) = self.items.as_deref() else { return Ok(()) };
        let is_wanted = |v: &Value| match wanted {
            "string" => v.is_string(),
            "integer" => v.is_i64() || v.is_u64() || v.as_f64().is_some_and(|n| n.fract() == 0.0),
            "number" => v.is_number(),
            "boolean" => v.is_boolean(),
            "object" => v.is_object(),
            "array" => v.is_array(),
            _ => true,
        };
        match items.iter().position(|v| !is_wanted(v)) {
            Some(at) => Err(format!("item {} must be a {wanted}", at + 1)),
            None => Ok(()),
        }
    }
}
