//! Values of fields put together into one object of arguments, each as it was written.

use std::fmt;

use serde_json::Value;

use super::schema::{Argument, Kind, Step, way};

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
    List(Vec<Self>),
}

impl Node {
    /// What has room for the next step.
    fn for_step(step: Option<&Step>) -> Self {
        if matches!(step, Some(Step::Item(_))) { Self::List(Vec::new()) } else { Self::Object(Vec::new()) }
    }

    /// Puts a value at a path; without one only the objects and lists on the way are made.
    fn put(&mut self, path: &[Step], value: Option<Self>) {
        let Some((first, rest)) = path.split_first() else { return };
        let is_last = rest.is_empty();
        match (self, first) {
            (Self::Object(members), Step::Key(first)) => {
                if is_last && let Some(value) = value {
                    members.push((first.clone(), value));
                    return;
                }
                let at = members.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
                    members.push((first.clone(), Self::for_step(rest.first())));
                    members.len() - 1
                });
                members[at].1.put(rest, value);
            }
            (Self::List(items), Step::Item(at)) => {
                // Rows come in their order.
                if items.len() <= *at {
                    items.push(Self::for_step(rest.first()));
                }
                if let Some(item) = items.last_mut() {
                    item.put(rest, value);
                }
            }
            _ => {}
        }
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
            Self::List(items) => {
                f.write_str("[")?;
                for (i, node) in items.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{node}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Fields that must be there because others of the same object are.
pub(super) fn missing(values: &[(Argument, Option<String>)]) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (at, (argument, value)) in values.iter().enumerate() {
        let object = &argument.path[..argument.path.len() - 1];
        // What is in a list is in its rows.
        if value.is_some() || !argument.required || object.is_empty() || matches!(argument.kind, Kind::Rows(_)) {
            continue;
        }
        let begun = values.iter().any(|(other, v)| v.is_some() && other.path.starts_with(object));
        if begun {
            out.push((at, format!("must be filled in, as others of `{}` are", way(object))));
        }
    }
    out
}
