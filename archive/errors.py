"""What can go wrong with a job: one class a situation; each message says what to do."""


class ArchiveError(Exception):
    """A job cannot do what it was asked for; the message is written for whoever runs it."""


class JobMissing(ArchiveError):
    """There is no such job."""


class JobNameInvalid(ArchiveError):
    """No job can have this name."""


class JobDiffers(ArchiveError):
    """A job of this name is there already, with another model or other options."""


class RecordsUnavailable(ArchiveError):
    """The place of the jobs or of the images cannot be reached, read or written."""


class RecordDamaged(ArchiveError):
    """A file of a job is none that this code wrote."""


class NameUnreadable(ArchiveError):
    """A file or folder has a name that no row could repeat."""


class BatchDamaged(ArchiveError):
    """A message is none that this code reads."""


class WrongModel(ArchiveError):
    """Another version answers than the one that the job has pinned."""


class GivenUp(ArchiveError):
    """A message has failed at its last delivery; its text names the queue in which it ends."""


class ImageGone(Exception):
    """The image is not there any more."""


class ImageChanged(Exception):
    """The image is not the one any more that was listed."""


class ImageTooLarge(Exception):
    """The image has more bytes than the service takes."""
