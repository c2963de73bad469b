//! Our codes and those of the Connect library. Called by `client` and `server`.

use crate::error::Code;
use connectrpc::ErrorCode;

impl Code {
    pub(crate) const fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Canceled => Self::Canceled,
            ErrorCode::InvalidArgument => Self::InvalidArgument,
            ErrorCode::DeadlineExceeded => Self::DeadlineExceeded,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::AlreadyExists => Self::AlreadyExists,
            ErrorCode::PermissionDenied => Self::PermissionDenied,
            ErrorCode::ResourceExhausted => Self::ResourceExhausted,
            ErrorCode::FailedPrecondition => Self::FailedPrecondition,
            ErrorCode::Aborted => Self::Aborted,
            ErrorCode::OutOfRange => Self::OutOfRange,
            ErrorCode::Unimplemented => Self::Unimplemented,
            ErrorCode::Internal => Self::Internal,
            ErrorCode::Unavailable => Self::Unavailable,
            ErrorCode::DataLoss => Self::DataLoss,
            ErrorCode::Unauthenticated => Self::Unauthenticated,
            _ => Self::Unknown,
        }
    }

    pub(crate) const fn to_wire(self) -> ErrorCode {
        match self {
            Self::Canceled => ErrorCode::Canceled,
            Self::Unknown => ErrorCode::Unknown,
            Self::InvalidArgument => ErrorCode::InvalidArgument,
            Self::DeadlineExceeded => ErrorCode::DeadlineExceeded,
            Self::NotFound => ErrorCode::NotFound,
            Self::AlreadyExists => ErrorCode::AlreadyExists,
            Self::PermissionDenied => ErrorCode::PermissionDenied,
            Self::ResourceExhausted => ErrorCode::ResourceExhausted,
            Self::FailedPrecondition => ErrorCode::FailedPrecondition,
            Self::Aborted => ErrorCode::Aborted,
            Self::OutOfRange => ErrorCode::OutOfRange,
            Self::Unimplemented => ErrorCode::Unimplemented,
            Self::Internal => ErrorCode::Internal,
            Self::Unavailable => ErrorCode::Unavailable,
            Self::DataLoss => ErrorCode::DataLoss,
            Self::Unauthenticated => ErrorCode::Unauthenticated,
        }
    }
}
