"""A table of gene names as HGNC publishes it."""

# As HGNC writes it: several names are quoted and separated by bars.
TABLE = (
    "hgnc_id\tsymbol\tname\tstatus\talias_symbol\tprev_symbol\tentrez_id\tensembl_gene_id\n"
    'HGNC:3594\tFASN\tfatty acid synthase\tApproved\t"FAS|SDR27X1"\t\t2194\tENSG00000169710\n'
    'HGNC:11920\tFAS\t"Fas, ""the"" gene"\tApproved\tCD95\t"APT1|TNFRSF6"\t3\tENSG00000026103\n'
    "HGNC:1\tLYPLA1\tlysophospholipase 1\tApproved\tAPT1\t\t10434\tENSG00000120992\n"
    "HGNC:2\tONE\t\tApproved\tTWICE\tOLD\t1\tENSG00000000001\n"
    "HGNC:3\tTWO\t\tApproved\tTWICE\tOLD\t2\tENSG00000000002\n"
    "HGNC:4\tNOID\t\tApproved\tLOST\t\t3\t\n"
    "HGNC:5\tREAD1\t\tApproved\t\t\t4\tENSG00000000003\n"
    "HGNC:6\tREAD2\t\tApproved\t\t\t5\tENSG00000000003\n"
)
