module pionpublisher

go 1.19
