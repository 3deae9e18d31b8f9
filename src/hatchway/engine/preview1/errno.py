"""Error numbers of preview 1 that do not come of files."""

from hatchway.engine.files.nodes import Errno

SUCCESS = Errno.SUCCESS.value
EBADF = Errno.BADF.value
EFAULT = Errno.FAULT.value
EINVAL = Errno.INVAL.value
EISDIR = Errno.ISDIR.value
EMFILE = Errno.MFILE.value
ENOSYS = Errno.NOSYS.value
ENOTDIR = Errno.NOTDIR.value
ENOTSOCK = Errno.NOTSOCK.value
ENOTSUP = Errno.NOTSUP.value
EOVERFLOW = Errno.OVERFLOW.value
ESPIPE = Errno.SPIPE.value
ENOTCAPABLE = Errno.NOTCAPABLE.value

# These come of the network only.
EAGAIN = Errno.AGAIN.value
EIO = Errno.IO.value
ELOOP = Errno.LOOP.value
ECONNREFUSED = 14
ECONNRESET = 15
EHOSTUNREACH = 23
EMSGSIZE = 35
EPROTO = 65
ETIMEDOUT = 73
