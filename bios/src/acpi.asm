; ACPI tables that the machine gives through fw_cfg are put into RAM and linked (QEMU's table loader, docs/specs and the layout
; of "etc/table-loader": entries of 128 bytes: 1 allocate, 2 add pointer, 3 add checksum).

acpi_init:
  ret
