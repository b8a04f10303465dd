module pionphone

go 1.19
