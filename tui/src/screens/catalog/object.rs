//! Values of fields put together into one object of arguments, each as it was written.

use std::fmt;

use serde_json::Value;

use super::schema::Argument;

/// The object of these values; what is left out is not in it, but objects that must be there are.
pub(super) fn of<'a>(values: impl Iterator<Item = (&'a Argument, Option<String>)>) -> Node {
    let mut root = Node::Object(Vec::new());
    for (argument, value) in values {
        let n_needed = argument.within.iter().take_while(|needed| **needed).count();
        match value {
            Some(value) => root.put(&argument.path, Some(Node::Leaf(value))),
            None => root.put(&argument.path[..n_needed.min(argument.path.len() - 1)], None),
        }
    }
    root
}

/// Values on their way into an object: as they were written, each number with its digits.
pub(super) enum Node {
    Leaf(String),
    Object(Vec<(String, Self)>),
}

impl Node {
    /// Puts a value at a path; without one only the objects on the way are made.
    fn put(&mut self, path: &[String], value: Option<Self>) {
        let (Self::Object(members), Some((first, rest))) = (self, path.split_first()) else { return };
        if rest.is_empty()
            && let Some(value) = value
        {
            members.push((first.clone(), value));
            return;
        }
        let at = members.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
            members.push((first.clone(), Self::Object(Vec::new())));
            members.len() - 1
        });
        members[at].1.put(rest, value);
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(json) => f.write_str(json),
            Self::Object(members) => {
                f.write_str("{")?;
                for (i, (name, node)) in members.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{}:{node}", Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Fields that must be there because others of the same object are.
pub(super) fn missing(values: &[(Argument, Option<String>)]) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (at, (argument, value)) in values.iter().enumerate() {
        let object = &argument.path[..argument.path.len() - 1];
        if value.is_some() || !argument.required || object.is_empty() {
            continue;
        }
        let begun = values.iter().any(|(other, v)| v.is_some() && other.path.starts_with(object));
        if begun {
            out.push((at, format!("must be filled in, as others of `{}` are", object.join("."))));
        }
    }
    out
}
