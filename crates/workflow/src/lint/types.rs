//! Types of expressions, as far as a file tells them. The checker infers them; a wrong use of one is a warning.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What an expression may give. Cloning is cheap: what is below is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// Anything: nothing is known.
    Any,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list of one kind of element.
    Array(Arc<Type>),
    /// A mapping.
    Object(SharedObject),
}

/// What is known of a mapping, shared. What is the same in every file is not even counted, as several threads lint.
#[derive(Debug, Clone)]
pub(crate) enum SharedObject {
    /// Of this file.
    Own(Arc<ObjectType>),
    /// Of every file.
    Fixed(&'static ObjectType),
}

impl SharedObject {
    /// The mapping itself, to be changed.
    pub(crate) fn into_inner(self) -> ObjectType {
        match self {
            Self::Own(own) => Arc::unwrap_or_clone(own),
            Self::Fixed(fixed) => fixed.clone(),
        }
    }
}

impl std::ops::Deref for SharedObject {
    type Target = ObjectType;

    fn deref(&self) -> &ObjectType {
        match self {
            Self::Own(own) => own,
            Self::Fixed(fixed) => fixed,
        }
    }
}

impl PartialEq for SharedObject {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const **self, &raw const **other) || **self == **other
    }
}

impl Eq for SharedObject {}

/// What is known of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectType {
    /// Known properties, keyed in lower case.
    pub(crate) properties: BTreeMap<String, Type>,
    /// What any other property gives; `None` when there is no other.
    pub(crate) rest: Option<Type>,
}

impl Type {
    /// A mapping with these properties and no others.
    pub(crate) fn strict<K: Into<String>>(properties: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::object(ObjectType {
            properties: properties.into_iter().map(|(k, v)| (k.into(), v)).collect(),
            rest: None,
        })
    }

    /// A mapping with these properties and possibly others of any type.
    pub(crate) fn open<K: Into<String>>(properties: impl IntoIterator<Item = (K, Self)>) -> Self {
        let properties = properties.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Self::object(ObjectType { properties, rest: Some(Self::Any) })
    }

    /// A mapping whose every property has this type.
    pub(crate) fn map_of(value: Self) -> Self {
        Self::object(ObjectType { properties: BTreeMap::new(), rest: Some(value) })
    }

    /// A mapping.
    pub(crate) fn object(object: ObjectType) -> Self {
        Self::Object(SharedObject::Own(Arc::new(object)))
    }

    /// The same, for what outlives every file.
    pub(crate) fn fixed(&'static self) -> Self {
        match self {
            Self::Object(object) => Self::Object(SharedObject::Fixed(object)),
            other => other.clone(),
        }
    }

    /// A list.
    pub(crate) fn array(item: Self) -> Self {
        Self::Array(Arc::new(item))
    }

    /// A mapping of strings with these names only.
    pub(crate) fn strings(names: &[&str]) -> Self {
        Self::strict(names.iter().map(|name| ((*name).to_owned(), Self::String)))
    }

    /// The type of a value that is one of two.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Object(a), Self::Object(b)) => Self::object(a.into_inner().join(&b)),
            (Self::Array(a), Self::Array(b)) => Self::array(Arc::unwrap_or_clone(a).join(Arc::unwrap_or_clone(b))),
            (Self::Number | Self::Bool | Self::String, Self::Number | Self::Bool | Self::String) => Self::String,
            _ => Self::Any,
        }
    }

    /// Whether a value of this type turns into text that means something.
    pub(crate) const fn is_textual(&self) -> bool {
        matches!(self, Self::Any | Self::Bool | Self::Number | Self::String)
    }

    /// Whether `==` and `!=` between these types can ever tell something.
    pub(crate) fn is_comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Object(_), Self::Object(_)) => true,
            (Self::Array(a), Self::Array(b)) => a.is_comparable(b),
            (Self::Any | Self::Null, _) | (_, Self::Any | Self::Null) => true,
            (Self::Object(_) | Self::Array(_), _) | (_, Self::Object(_) | Self::Array(_)) => false,
            _ => true,
        }
    }

    /// Whether `<` and its like between these types can ever tell something.
    pub(crate) const fn is_ordered(&self) -> bool {
        matches!(self, Self::Any | Self::Number | Self::String)
    }
}

impl ObjectType {
    fn join(mut self, other: &Self) -> Self {
        for (name, value) in &other.properties {
            let joined = match self.properties.remove(name) {
                Some(mine) => mine.join(value.clone()),
                None => value.clone(),
            };
            self.properties.insert(name.clone(), joined);
        }
        self.rest = match (self.rest, &other.rest) {
            (Some(a), Some(b)) => Some(a.join(b.clone())),
            (rest, None) => rest,
            (None, rest) => rest.clone(),
        };
        self
    }

    /// The type of any of its values.
    pub(crate) fn any_value(&self) -> Type {
        self.properties.values().chain(&self.rest).cloned().reduce(Type::join).unwrap_or(Type::Any)
    }

    /// The type of a property; `None` when there cannot be one of that name.
    pub(crate) fn property(&self, name: &str) -> Option<Type> {
        // Most names are written as they are kept.
        let found = match self.properties.get(name) {
            None if name.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) => {
                self.properties.get(&name.to_lowercase())
            }
            found => found,
        };
        found.or(self.rest.as_ref()).cloned()
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Array(item) => write!(f, "array<{item}>"),
            Self::Object(object) => {
                if let (true, Some(rest)) = (object.properties.is_empty(), &object.rest) {
                    return write!(f, "{{string => {rest}}}");
                }
                f.write_str("{")?;
                for (i, (name, value)) in object.properties.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if i == 0 { "" } else { "; " })?;
                }
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Type;

    #[test]
    fn joined_objects_have_the_properties_of_both() {
        let joined = Type::strings(&["a"]).join(Type::strict([("b", Type::Number)]));
        assert_eq!(joined.to_string(), "{a: string; b: number}");
        assert_eq!(Type::Bool.join(Type::Number), Type::String);
        assert_eq!(Type::array(Type::Bool).join(Type::Null), Type::Any);
    }

    #[test]
    fn arrays_and_objects_compare_only_with_their_like() {
        let array = Type::array(Type::Bool);
        assert!(!array.is_comparable(&Type::Number));
        assert!(!array.is_comparable(&Type::array(Type::strict::<&str>([]))));
        assert!(array.is_comparable(&Type::Any) && Type::String.is_comparable(&Type::Number));
    }
}
