.code16
.org 0
start:
  cli
  xor %ax,%ax
  mov %ax,%ds
  mov %ax,%es
  mov %ax,%ss
  mov $0x7c00,%sp
  sti
  mov %dl,drive
  mov $0x0201,%ax
  call disk
  incb 0x7e00
  mov $0x0301,%ax
  call disk
  mov $0x602,%dx
  mov $0x100,%ax
  out %ax,%dx
  mov $text_boot,%si
  call puts
  mov 0x7e00,%al
  add $0x40,%al
  call putc
  mov $10,%al
  call putc
again:
  mov $9,%cx
wait:
  hlt
  loop wait
  mov $0x3fd,%dx
  in %dx,%al
  test $1,%al
  jz nokey
  mov $0x3f8,%dx
  in %dx,%al
  cmp $'q',%al
  je off
  cmp $'d',%al
  jne nokey
  incb deaf
nokey:
  mov $0x600,%dx
  in %dx,%ax
  test $0x100,%ax
  jz tick
  cmpb $0,deaf
  je off
tick:
  incb count
  mov $text_tick,%si
  call puts
  mov count,%al
  shr $4,%al
  call hex
  mov count,%al
  and $15,%al
  call hex
  mov $10,%al
  call putc
  jmp again
off:
  mov $text_off,%si
  call puts
  mov $0x604,%dx
  mov $0x2000,%ax
  out %ax,%dx
stop: hlt
  jmp stop
hex:
  add $'0',%al
  cmp $'9',%al
  jbe putc
  add $39,%al
putc:
  push %ax
  mov $0x3fd,%dx
full: in %dx,%al
  test $0x20,%al
  jz full
  pop %ax
  mov $0x3f8,%dx
  out %al,%dx
  ret
puts:
  lodsb
  test %al,%al
  jz done
  call putc
  jmp puts
done: ret
disk:
  mov $0x7e00,%bx
  mov $2,%cx
  xor %dh,%dh
  mov drive,%dl
  int $0x13
  ret
text_boot: .asciz "boot "
text_tick: .asciz "tick "
text_off: .asciz "off\n"
drive: .byte 0
count: .byte 0
deaf: .byte 0
