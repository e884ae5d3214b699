/* Undefines the macros of forms.def, for the next file that includes the table. */
#undef PTX_1
#undef PTX_2
#undef PTX_3
#undef PTX_4
#undef PTX_LOAD
#undef PTX_STORE
#undef PTX_ATOMIC
#undef PTX_COPY
#undef PTX_CONTROL
