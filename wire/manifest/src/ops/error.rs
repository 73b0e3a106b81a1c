//! What can be wrong with a path, a definition, or an operation on a certain document.

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It starts with something else.
    #[error("Expected to start with '/'")]
    NoSlash,
    /// Behind a colon stands another word.
    #[error(
        "Expected to find one of the following modifiers: 'prev', 'next', 'before', or 'after' but found '{0}'"
    )]
    UnknownModifier(String),
    /// `-` with a modifier.
    #[error("Expected not to find any modifiers with after last index token")]
    ModifierAfterLast,
    /// A key with a modifier.
    #[error("Expected not to find any modifiers with key token")]
    ModifierOnKey,
    /// More tokens than any document has levels.
    #[error("Expected at most {0} tokens in a path")]
    TooLong(usize),
}

/// A definition that is no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} within\n{shown}")]
pub struct DefinitionError {
    /// What is wrong, with the number of the operation.
    pub what: String,
    /// The definition as indented JSON, values redacted.
    pub shown: String,
}

/// A file that holds no operations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpsFileError {
    /// It is no YAML, or no list of definitions.
    #[error("Deserializing ops file '{file}': {problem}")]
    Deserialize {
        /// The file's name as given.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A definition in it is wrong.
    #[error("Building ops: {0}")]
    Definition(DefinitionError),
}

/// An operation that does not fit the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpsError {
    /// An operation of a file failed.
    #[error("Error '{description}': {error}")]
    Described {
        /// Which one.
        description: String,
        /// Why.
        error: Box<OpsError>,
    },
    /// Something else is there.
    #[error("Expected to find {wanted} at path '{path}' but found '{found}'")]
    Mismatch {
        /// `an array` or `a map`.
        wanted: &'static str,
        /// Where.
        path: String,
        /// Its type, in Go's words.
        found: &'static str,
    },
    /// The key is not there.
    #[error("Expected to find a map key '{key}' for path '{path}' ({})", show_siblings(.siblings))]
    MissingKey {
        /// The key.
        key: String,
        /// Where.
        path: String,
        /// Which text keys are there, sorted.
        siblings: Option<Vec<String>>,
    },
    /// The place is not there.
    #[error(
        "Expected to find array index '{index}' but found array of length '{length}' for path '{path}'"
    )]
    MissingIndex {
        /// The place.
        index: i64,
        /// How long the list is.
        length: usize,
        /// Where.
        path: String,
    },
    /// No item matches, or several do.
    #[error("Expected to find exactly one matching array item for path '{path}' but found {found}")]
    Matches {
        /// Where.
        path: String,
        /// How many.
        found: usize,
    },
    /// A token that the operation cannot use.
    #[error("Expected to not find token '{token}' at path '{path}'")]
    UnexpectedToken {
        /// The token's type, in Go's words.
        token: &'static str,
        /// Where.
        path: String,
    },
    /// `:before` or `:after` where nothing can be inserted.
    #[error(
        "Expected to find one of the following modifiers: 'prev', 'next', but found modifier '{0}'"
    )]
    NoInsertion(&'static str),
    /// A modifier behind `:before` or `:after`.
    #[error(
        "Expected to not find any modifiers after '{first}' modifier, but found modifier '{then}'"
    )]
    ModifierBehind {
        /// `before` or `after`.
        first: &'static str,
        /// The other's type, in Go's words.
        then: &'static str,
    },
    /// What is to be created cannot be told from the next token.
    #[error("Expected to find {wanted} at path '{path}'")]
    CannotCreate {
        /// Which tokens would do.
        wanted: &'static str,
        /// Where.
        path: String,
    },
    /// `-` names no item that is there.
    #[error(
        "Expected not to find after last index token in path '{0}' (not supported in find operations)"
    )]
    FindAfterLast(String),
    /// The root cannot be removed.
    #[error("Cannot remove entire document")]
    RemoveDocument,
    /// A test found something else.
    #[error("Found value does not match expected value")]
    ValueDiffers,
    /// A test found something.
    #[error("Expected to not find '{0}'")]
    Present(String),
}

fn show_siblings(keys: &Option<Vec<String>>) -> String {
    match keys {
        None => "found no other map keys".to_owned(),
        Some(keys) => format!("found map keys: '{}'", keys.join("', '")),
    }
}
