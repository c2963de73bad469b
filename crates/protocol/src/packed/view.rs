//! A message of rows for the Connect library: looked through where it lies if it is of the usual form, else read by the generated reader.
//! Mounted by `server`; compression, codecs, limits and errors stay the library's.

use super::rows::Head;
use crate::pb::runner::{self as pb, __buffa::view as generated};
use buffa::encoding::Tag;
use buffa::{DecodeContext, DecodeError, Message, MessageView};
use bytes::Bytes;

/// How a message is read.
#[derive(Debug, Clone)]
pub(crate) enum RowsView<'a> {
    /// Its rows are taken from its bytes, which these are.
    Packed(Head, &'a [u8]),
    /// By the library.
    Generated(generated::UpdateLogRequestView<'a>),
}

impl Default for RowsView<'_> {
    fn default() -> Self {
        Self::Generated(generated::UpdateLogRequestView::default())
    }
}

buffa::impl_view_reborrow!(RowsView);

impl<'a> MessageView<'a> for RowsView<'a> {
    type Owned = pb::UpdateLogRequest;

    fn decode_view(message: &'a [u8]) -> Result<Self, DecodeError> {
        let unknown = std::cell::Cell::new(buffa::DEFAULT_UNKNOWN_FIELD_LIMIT);
        let memory = std::cell::Cell::new(buffa::DEFAULT_ELEMENT_MEMORY_LIMIT);
        let context = DecodeContext::new(buffa::RECURSION_LIMIT, &unknown).with_element_memory(&memory);
        Self::decode_view_with_ctx(message, context)
    }

    fn decode_view_with_ctx(message: &'a [u8], context: DecodeContext<'_>) -> Result<Self, DecodeError> {
        match Head::read(message) {
            Some(head) => {
                // So many rows as the other reader would take, and no more.
                let row = size_of::<generated::LogRowView<'_>>();
                context.register_element_memory(head.rows().saturating_mul(row))?;
                Ok(Self::Packed(head, message))
            }
            None => generated::UpdateLogRequestView::decode_view_with_ctx(message, context).map(Self::Generated),
        }
    }

    fn merge_view_field(
        &mut self,
        tag: Tag,
        from: &'a [u8],
        before: &'a [u8],
        context: DecodeContext<'_>,
    ) -> Result<&'a [u8], DecodeError> {
        match self {
            Self::Generated(view) => view.merge_view_field(tag, from, before, context),
            Self::Packed(_, message) => {
                let mut view = generated::UpdateLogRequestView::decode_view_with_ctx(message, context)?;
                let rest = view.merge_view_field(tag, from, before, context)?;
                *self = Self::Generated(view);
                Ok(rest)
            }
        }
    }

    fn to_owned_message(&self) -> Result<Self::Owned, DecodeError> {
        self.to_owned_from_source(None)
    }

    fn to_owned_from_source(&self, source: Option<&Bytes>) -> Result<Self::Owned, DecodeError> {
        match self {
            Self::Generated(view) => view.to_owned_from_source(source),
            Self::Packed(_, message) => Message::decode_from_slice(message),
        }
    }
}
