; The 8 by 16 font, written by the build.
vga_font:
%include "font.inc"
