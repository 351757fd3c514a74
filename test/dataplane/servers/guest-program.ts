/**
 * A guest in one sector, up within a second where Linux takes ten under emulation. At its start it counts its starts in
 * the second sector of the disk and writes `boot A`, `boot B`, ...; then it writes `tick 01`, `tick 02`, ... from a count
 * in its memory, twice a second. It switches itself off (and writes `off`) when its power button is pressed or `q`
 * comes over the serial port; after a `d` it is deaf for the button.
 *
 * Assembled from `guest-program.s` beside this file: as --32 -o g.o guest-program.s &&
 * ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o g.bin g.o && xxd -p g.bin
 */
const code =
  'fa31c08ed88ec08ed0bc007cfb8816dd7cb80102e8a600fe06007eb80103e89c00ba0206b80001efbecc7ce884' +
  '00a0007e0440e86d00b00ae86800b90900f4e2fdbafd03eca8017410baf803ec3c71743a3c647504fe06df7cba' +
  '0006eda900017407803edf7c007422fe06de7cbed27ce83f00a0de7cc0e804e81f00a0de7c240fe81700b00ae8' +
  '1a00ebb0bed87ce82100ba0406b80020eff4ebfd04303c397602042750bafd03eca82074fb58baf803eec3ac84' +
  'c07405e8e9ffebf6c3bb007eb9020030f68a16dd7ccd13c3626f6f7420007469636b20006f66660a00000000';

/** A disk that starts it; `sizeMib` of zeroes follow. */
export function guestDisk(sizeMib = 1): Buffer {
  const disk = Buffer.alloc(sizeMib << 20);
  disk.write(code, 'hex');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
