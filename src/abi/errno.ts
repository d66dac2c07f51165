/**
 * The errno numbers, positive; system calls and events give them negated.
 *
 * Values as in `include/uapi/asm-generic/errno-base.h` and `errno.h`, which x86_64, aarch64 and
 * riscv64 share. What each means to AIO is in io_submit(2) and its siblings.
 *
 * @module
 */

/** Operation not permitted: among others what a seccomp filter of a container answers. */
export const EPERM = 1;

/** No such file or directory. */
export const ENOENT = 2;

/** No such process. */
export const ESRCH = 3;

/** Interrupted by a signal. */
export const EINTR = 4;

/** The device failed. */
export const EIO = 5;

/** No such device or address. */
export const ENXIO = 6;

/** Argument list too long. */
export const E2BIG = 7;

/** Exec format error. */
export const ENOEXEC = 8;

/** Not an open file descriptor, or not open for reading or writing as asked. */
export const EBADF = 9;

/** No child processes. */
export const ECHILD = 10;

/** No room in the context now, no context left on this system, or RWF_NOWAIT would have waited. */
export const EAGAIN = 11;

/** Not enough memory. */
export const ENOMEM = 12;

/** Permission denied. */
export const EACCES = 13;

/** Address of memory that is not there or not accessible. */
export const EFAULT = 14;

/** Block device required. */
export const ENOTBLK = 15;

/** Device or resource busy. */
export const EBUSY = 16;

/** File exists. */
export const EEXIST = 17;

/** Cross-device link. */
export const EXDEV = 18;

/** No such device. */
export const ENODEV = 19;

/** Not a directory. */
export const ENOTDIR = 20;

/** Is a directory. */
export const EISDIR = 21;

/** An argument is wrong: context, opcode, alignment, or something unknown to the file. */
export const EINVAL = 22;

/** No file descriptor left in the system. */
export const ENFILE = 23;

/** No file descriptor left in the process. */
export const EMFILE = 24;

/** Not a typewriter. */
export const ENOTTY = 25;

/** Text file busy. */
export const ETXTBSY = 26;

/** Beyond the largest file that the file system or RLIMIT_FSIZE allows. */
export const EFBIG = 27;

/** No space left on the device. */
export const ENOSPC = 28;

/** A position on something that has none. */
export const ESPIPE = 29;

/** Read-only file system. */
export const EROFS = 30;

/** Too many links. */
export const EMLINK = 31;

/** Nobody reads from the pipe or socket. */
export const EPIPE = 32;

/** Argument out of the domain of the function. */
export const EDOM = 33;

/** Result too large to be represented. */
export const ERANGE = 34;

/** Waiting would be for ever. */
export const EDEADLK = 35;

/** File name too long. */
export const ENAMETOOLONG = 36;

/** No record locks available. */
export const ENOLCK = 37;

/** There is no such system call here. */
export const ENOSYS = 38;

/** Directory not empty. */
export const ENOTEMPTY = 39;

/** Too many symbolic links encountered. */
export const ELOOP = 40;

/** No message of desired type. */
export const ENOMSG = 42;

/** Identifier removed. */
export const EIDRM = 43;

/** Channel number out of range. */
export const ECHRNG = 44;

/** Level 2 not synchronized. */
export const EL2NSYNC = 45;

/** Level 3 halted. */
export const EL3HLT = 46;

/** Level 3 reset. */
export const EL3RST = 47;

/** Link number out of range. */
export const ELNRNG = 48;

/** Protocol driver not attached. */
export const EUNATCH = 49;

/** No CSI structure available. */
export const ENOCSI = 50;

/** Level 2 halted. */
export const EL2HLT = 51;

/** Invalid exchange. */
export const EBADE = 52;

/** Invalid request descriptor. */
export const EBADR = 53;

/** Exchange full. */
export const EXFULL = 54;

/** No anode. */
export const ENOANO = 55;

/** Invalid request code. */
export const EBADRQC = 56;

/** Invalid slot. */
export const EBADSLT = 57;

/** Bad font file format. */
export const EBFONT = 59;

/** Device not a stream. */
export const ENOSTR = 60;

/** There are no data where some should be. */
export const ENODATA = 61;

/** Timer expired. */
export const ETIME = 62;

/** Out of streams resources. */
export const ENOSR = 63;

/** Machine is not on the network. */
export const ENONET = 64;

/** Package not installed. */
export const ENOPKG = 65;

/** Object is remote. */
export const EREMOTE = 66;

/** Link has been severed. */
export const ENOLINK = 67;

/** Error of advertising. */
export const EADV = 68;

/** Error of srmount. */
export const ESRMNT = 69;

/** Communication error on send. */
export const ECOMM = 70;

/** Protocol error. */
export const EPROTO = 71;

/** Multihop attempted. */
export const EMULTIHOP = 72;

/** RFS specific error. */
export const EDOTDOT = 73;

/** Not a data message. */
export const EBADMSG = 74;

/** A position or length too large for its type. */
export const EOVERFLOW = 75;

/** Name not unique on the network. */
export const ENOTUNIQ = 76;

/** Descriptor in bad state. */
export const EBADFD = 77;

/** Remote address changed. */
export const EREMCHG = 78;

/** A needed shared library cannot be reached. */
export const ELIBACC = 79;

/** A corrupted shared library. */
export const ELIBBAD = 80;

/** The .lib section in a.out is corrupted. */
export const ELIBSCN = 81;

/** Too many shared libraries. */
export const ELIBMAX = 82;

/** A shared library cannot be executed directly. */
export const ELIBEXEC = 83;

/** Illegal byte sequence. */
export const EILSEQ = 84;

/** Interrupted: the call is to be made again. */
export const ERESTART = 85;

/** Streams pipe error. */
export const ESTRPIPE = 86;

/** Too many users. */
export const EUSERS = 87;

/** Socket operation on non-socket. */
export const ENOTSOCK = 88;

/** Destination address required. */
export const EDESTADDRREQ = 89;

/** Message too long. */
export const EMSGSIZE = 90;

/** Protocol wrong type for socket. */
export const EPROTOTYPE = 91;

/** Protocol not available. */
export const ENOPROTOOPT = 92;

/** Protocol not supported. */
export const EPROTONOSUPPORT = 93;

/** Socket type not supported. */
export const ESOCKTNOSUPPORT = 94;

/** The file does not support it: what unknown RWF_ bits get. */
export const EOPNOTSUPP = 95;

/** Protocol family not supported. */
export const EPFNOSUPPORT = 96;

/** Address family not supported by protocol. */
export const EAFNOSUPPORT = 97;

/** Address already in use. */
export const EADDRINUSE = 98;

/** Cannot assign requested address. */
export const EADDRNOTAVAIL = 99;

/** Network is down. */
export const ENETDOWN = 100;

/** Network is unreachable. */
export const ENETUNREACH = 101;

/** Network dropped connection because of reset. */
export const ENETRESET = 102;

/** Software caused connection abort. */
export const ECONNABORTED = 103;

/** Connection reset by peer. */
export const ECONNRESET = 104;

/** No buffer space available. */
export const ENOBUFS = 105;

/** Transport endpoint is already connected. */
export const EISCONN = 106;

/** Transport endpoint is not connected. */
export const ENOTCONN = 107;

/** Cannot send after transport endpoint shutdown. */
export const ESHUTDOWN = 108;

/** Too many references: cannot splice. */
export const ETOOMANYREFS = 109;

/** Connection timed out. */
export const ETIMEDOUT = 110;

/** Connection refused. */
export const ECONNREFUSED = 111;

/** Host is down. */
export const EHOSTDOWN = 112;

/** No route to host. */
export const EHOSTUNREACH = 113;

/** Operation already in progress. */
export const EALREADY = 114;

/** Under way: for io_cancel a success. */
export const EINPROGRESS = 115;

/** The file is gone from the server. */
export const ESTALE = 116;

/** The structure of the file system needs repair. */
export const EUCLEAN = 117;

/** Not a XENIX file of that type. */
export const ENOTNAM = 118;

/** No XENIX semaphores. */
export const ENAVAIL = 119;

/** A file of that type. */
export const EISNAM = 120;

/** I/O error of the other side. */
export const EREMOTEIO = 121;

/** The user's quota of the disk is used up. */
export const EDQUOT = 122;

/** No medium found. */
export const ENOMEDIUM = 123;

/** Wrong medium type. */
export const EMEDIUMTYPE = 124;

/** Cancelled. */
export const ECANCELED = 125;

/** Required key not available. */
export const ENOKEY = 126;

/** Key has expired. */
export const EKEYEXPIRED = 127;

/** Key has been revoked. */
export const EKEYREVOKED = 128;

/** Key was rejected by service. */
export const EKEYREJECTED = 129;

/** Owner died. */
export const EOWNERDEAD = 130;

/** State not recoverable. */
export const ENOTRECOVERABLE = 131;

/** Not possible while the radio is switched off. */
export const ERFKILL = 132;

/** Memory page has a hardware error. */
export const EHWPOISON = 133;
