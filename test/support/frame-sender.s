# Sends frames through the second interface of the machine, as they are: from the standard input, each behind its length
# in two bytes, the higher first. Ends with 1 when the kernel refuses a socket or a frame.
.globl _start
_start:
  movl $41, %eax              # socket(AF_PACKET, SOCK_RAW, 0)
  movl $17, %edi
  movl $3, %esi
  xorl %edx, %edx
  syscall
  testl %eax, %eax
  js fail
  movl %eax, %r12d
  subq $65536, %rsp
  movq %rsp, %r13
  xorl %r14d, %r14d
read:
  xorl %eax, %eax             # read(0, end, room)
  xorl %edi, %edi
  leaq (%r13,%r14), %rsi
  movl $65536, %edx
  subl %r14d, %edx
  syscall
  testl %eax, %eax
  jle all
  addl %eax, %r14d
  jmp read
all:
  addq %r13, %r14
next:
  leaq 2(%r13), %rsi
  cmpq %r14, %rsi
  ja done
  movzwl (%r13), %edx
  xchgb %dl, %dh
  leaq (%rsi,%rdx), %r13
  movl $44, %eax              # sendto(socket, frame, length, 0, link, 20)
  movl %r12d, %edi
  xorl %r10d, %r10d
  leaq link(%rip), %r8
  movl $20, %r9d
  syscall
  testl %eax, %eax
  jns next
fail:
  movl $60, %eax
  movl $1, %edi
  syscall
done:
  movl $60, %eax
  xorl %edi, %edi
  syscall
link:                         # struct sockaddr_ll
  .short 17, 0
  .long 2
  .fill 12
